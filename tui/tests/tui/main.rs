//! The screens: how they look, and what keys and reports do to them.

mod common;
mod document;
mod panics;
mod screens;
mod speed;
mod update;

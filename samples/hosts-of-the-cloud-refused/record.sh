#!/bin/bash
# A firewall refuses the hosts of synchronisation, registration, federation, agents, attestation and device
# management.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
LAB_DNS=$(for host in adminwebservice.microsoftonline.com enterpriseregistration.windows.net adfs.corp.example eval.servicebus.windows.net eval.microsoftaik.azure.net enrollment.manage.microsoft.com; do echo "address=/$host/10.99.0.11"; done)
lab_directory dc1
record_start
for host in adminwebservice.microsoftonline.com enterpriseregistration.windows.net adfs.corp.example eval.servicebus.windows.net eval.microsoftaik.azure.net enrollment.manage.microsoft.com; do
    client curl -s "https://$host/" || true
done
lab_wait 61
record_stop

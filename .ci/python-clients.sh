#!/bin/sh
# Puts the Python clients that the tests drive into a folder of their own: python-clients.sh FOLDER.
# Where pip cannot install them the tests with these clients are skipped, and this says so.
set -u
folder=$1
list=tests/clients/requirements.txt
if cmp -s "$list" "$folder/installed.txt"; then exit 0; fi
if python3 -m venv "$folder" && "$folder/bin/pip" install -q -r "$list"; then
    cp "$list" "$folder/installed.txt"
else
    rm -rf "$folder"
    echo "skipped: the tests with Python clients, because pip cannot install them here" >&2
fi

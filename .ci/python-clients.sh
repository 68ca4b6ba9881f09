#!/bin/sh
# Puts the Python clients that the tests drive into a folder of their own: python-clients.sh FOLDER.
# Where pip cannot install them this fails, since the tests with them would.
set -u
folder=$1
list=tests/clients/requirements.txt
if cmp -s "$list" "$folder/installed.txt"; then exit 0; fi
if python3 -m venv "$folder" && "$folder/bin/pip" install -q -r "$list"; then
    cp "$list" "$folder/installed.txt"
else
    rm -rf "$folder"
    echo "the tests need Python clients, and pip cannot install $list here" >&2
    exit 1
fi

#!/bin/sh
# Runs one phase of the tests and says when it began and how long it took: step.sh NAME COMMAND…
name=$1
shift
begun=$(date +%s)
printf '\n== %s  %s\n' "$(date +%H:%M:%S)" "$name"
"$@"
status=$?
took=$(($(date +%s) - begun))
if [ "$status" = 0 ]; then outcome=ok; else outcome="failed with status $status"; fi
printf '== %s  %s: %s, %s s\n' "$(date +%H:%M:%S)" "$name" "$outcome" "$took"
exit "$status"

#!/bin/sh
# How the PBS job $1 is doing, as Snakemake wants to hear it: running, success or failed.
shown=$(qstat -x -f "$1" 2> /dev/null)
case $? in
  0) ;;
  36) echo "PBS keeps no history of ended jobs: job_history_enable has to be set" >&2; exit 1 ;;
  153) echo failed; exit 0 ;;  # the server does not know the job
  *) echo running; exit 0 ;;   # no answer from the server says nothing about the job
esac
state=$(printf '%s\n' "$shown" | sed -n 's/^ *job_state = //p')
code=$(printf '%s\n' "$shown" | sed -n 's/^ *Exit_status = //p')
case $state in
  F) if [ "$code" = 0 ]; then echo success; else echo failed; fi ;;
  *) echo running ;;
esac

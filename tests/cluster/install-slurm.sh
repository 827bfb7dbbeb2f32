#!/usr/bin/env bash
# Debian's SLURM and munge for `make test-cluster`; their services are not started.
set -euo pipefail
packages=(munge procps slurm-client slurmctld slurmd)
if dpkg-query -W "${packages[@]}" > /dev/null 2>&1; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "make test-cluster starts a SLURM of its own: it needs root and apt, or the packages ${packages[*]}" >&2
  exit 1
fi
refusal=/usr/sbin/policy-rc.d # what apt asks before it starts a service
if [ ! -e "$refusal" ]; then
  trap 'rm -f "$refusal"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$refusal"
  chmod +x "$refusal"
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" > /dev/null

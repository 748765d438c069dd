#!/usr/bin/env bash
# A real SLURM of two nodes, both on this machine, and a real Apptainer for the tests, on Debian 12 as root.
#
#   tests/hpc/cluster.sh install      install the packages, and Apptainer if it is missing
#   tests/hpc/cluster.sh start        start munged, slurmctld and two slurmd; returns when both nodes accept jobs
#   tests/hpc/cluster.sh accounting   start it with an accounting database, for sacct: installs MariaDB and slurmdbd if they
#                                     are missing; lasts until `stop`. For use by hand, the tests do without
#   tests/hpc/cluster.sh status       show daemons, nodes and queue; exit status 0 if the cluster is up, otherwise 3
#   tests/hpc/cluster.sh stop         stop the daemons and cancel their jobs
#   tests/hpc/cluster.sh slurmd-restart [kill]   restart the nodes' daemons; with `kill`, their jobs die too, as in a crash
#   tests/hpc/cluster.sh slurmd-stop NODE        crash one node (node1 or node2); slurmd-restart brings it back
#   tests/hpc/cluster.sh queue-limit [JOBS]      restart slurmctld, to hold at most JOBS jobs, ended ones included; without
#                                                JOBS, as many as SLURM's default
#
# Each subcommand may be repeated. Exit status 77: cannot run here; one line on stderr says why, and the tests skip.
#
# CLUSTER_DIR     state folder: keys, configuration, logs, process ids    (default /var/lib/graincast-cluster)
# CLUSTER_CPUS    CPUs that each node declares, whatever the machine has  (default 2)
# CLUSTER_MEM_MB  memory that each node declares                          (default: nine tenths of the machine's)
# CLUSTER_PORT    port of slurmctld; the nodes, slurmdbd and MariaDB use
#                 the four after it                                       (default 6817)
set -euo pipefail

CLUSTER_DIR=${CLUSTER_DIR:-/var/lib/graincast-cluster}
CLUSTER_CPUS=${CLUSTER_CPUS:-2}
CLUSTER_MEM_MB=${CLUSTER_MEM_MB:-$(awk '/^MemTotal/ { printf "%d", $2 / 1024 * 0.9 }' /proc/meminfo)}
CLUSTER_PORT=${CLUSTER_PORT:-6817}
NODES="node1 node2"
CONF=/etc/slurm/slurm.conf          # where all SLURM programs look; srun inside a job does not see SLURM_CONF
LIBS=/usr/local/lib/apptainer-libs  # a newer C library, for Apptainer only
export DEBIAN_FRONTEND=noninteractive PATH="$PATH:/usr/sbin:/sbin"

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
skip() { say "cannot run here: $*"; exit 77; }
fail() { say "$*"; exit 1; }

needs_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

needs_debian() {
    local id='' version=''
    [ -r /etc/os-release ] && id=$(. /etc/os-release && echo "${ID:-}") && version=$(. /etc/os-release && echo "${VERSION_ID:-}")
    [ "$id" = debian ] && [ "$version" = 12 ] || skip "install needs Debian 12, this is ${id:-unknown} ${version:-}"
    [ "$(dpkg --print-architecture)" = amd64 ] || [ "$(dpkg --print-architecture)" = arm64 ] || skip "no Apptainer for this processor"
}

# ------------------------------------------------------------------------------------------------------------ install

PACKAGES="slurmctld slurmd slurm-client munge buildah mmdebstrap patchelf squashfs-tools squashfuse fuse2fs fuse3
          fuse-overlayfs uidmap ca-certificates procps"

install_packages() { # package...
    local missing='' p
    for p in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null)" = 'ii ' ] || missing="$missing $p"
    done
    [ -n "$missing" ] || return 0
    # Keep daemons from starting on installation: `start` runs them, with its own configuration.
    local policy=/usr/sbin/policy-rc.d made_policy='' log=$CLUSTER_DIR/apt.log done=1
    if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made_policy=1; fi
    # shellcheck disable=SC2086
    { apt-get -qq update && apt-get -qq -o DPkg::Lock::Timeout=600 install --yes --no-install-recommends $missing; } >"$log" 2>&1 || done=''
    [ -z "$made_policy" ] || rm -f $policy
    [ -n "$done" ] && return 0
    if grep -qE 'Could not (resolve|connect)|Temporary failure|Failed to fetch|Unable to (locate|connect)' "$log"; then
        skip "Debian's packages cannot be fetched: $(grep -m 1 -E '^(E|W|Err):' "$log")"
    fi
    tail -n 5 "$log" >&2
    fail "apt could not install:$missing (whole log: $log)"
}

# The machine's Debian source with the suite changed to sid.
sid_sources() {
    local uri keyring
    uri=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 2>/dev/null |
        awk '$2 ~ /^(bookworm|stable|12)$/ { print $1; exit }')
    [ -n "$uri" ] || uri=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -v security | head -n 1)
    [ -n "$uri" ] || skip "no Debian package source is configured"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keyring] $uri sid main"
}

install_apptainer() {
    command -v apptainer >/dev/null && apptainer --version >/dev/null 2>&1 && return 0
    local work=$CLUSTER_DIR/sid p
    rm -rf "$work"
    mkdir -p "$work"/{lists/partial,archives/partial,libs}
    sid_sources >"$work/sources.list"
    local apt=(apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache::Archives=$work/archives" -o "Dir::Cache::srcpkgcache="
        -o "Dir::Cache::pkgcache=" -o APT::Sandbox::User=root
        -o Acquire::Check-Valid-Until=false -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
    "${apt[@]}" update || skip "Debian sid's package index cannot be reached (Apptainer's source)"
    (cd "$work/archives" && "${apt[@]}" download apptainer libc6 libseccomp2 libsqlite3-0) ||
        fail "Apptainer's packages could not be fetched from Debian sid"
    for p in libc6 libseccomp2 libsqlite3-0; do dpkg -x "$work"/archives/${p}_*.deb "$work/libs"; done
    mkdir -p $LIBS
    # Only the libraries in usr/lib/<triplet>/: the loader is there too; lib64/ only links to it.
    cp -a "$work"/libs/usr/lib/*-linux-gnu/*.so* $LIBS/
    local interpreter
    interpreter=$(find $LIBS -maxdepth 1 -name 'ld-linux*' | head -n 1)
    [ -n "$interpreter" ] || fail "no dynamic loader in sid's libc6 package"
    dpkg -x "$work"/archives/apptainer_*.deb /
    local binary starters
    starters=$(dpkg-deb --fsys-tarfile "$work"/archives/apptainer_*.deb | tar -t | sed -n 's|^\.\(/.*/apptainer/bin/starter\)$|\1|p')
    for binary in /usr/bin/apptainer $starters; do
        patchelf --set-interpreter "$interpreter" --force-rpath --set-rpath $LIBS "$binary"
    done
    mkdir -p /var/lib/apptainer/mnt/session
    rm -rf "$work"
    apptainer --version >/dev/null || fail "Apptainer was unpacked but does not start"
}

configure_apptainer() {
    local conf=/etc/apptainer/apptainer.conf
    if [ -e $conf ]; then
        # With "file" instead of the default "full", file modes apply to root in a container as to ordinary users.
        sed -i 's/^root default capabilities *=.*/root default capabilities = file/' $conf
    fi
    [ -e /dev/fuse ] || mknod /dev/fuse c 10 229 2>/dev/null || true
    [ -e /dev/fuse ] && chmod 666 /dev/fuse || say "no /dev/fuse: ordinary users cannot run images here"
}

do_install() {
    needs_root
    needs_debian
    mkdir -p "$CLUSTER_DIR"
    # shellcheck disable=SC2086
    install_packages $PACKAGES
    install_apptainer
    configure_apptainer
    say "installed: slurm $(dpkg-query -W -f '${Version}' slurmctld), $(apptainer --version), $(buildah --version | cut -d' ' -f1-3)"
}

# -------------------------------------------------------------------------------------------------------------- start

host() { uname -n | cut -d. -f1; }

port_of() { echo $((CLUSTER_PORT + ${1#node})); } # node

# Prints the process id in a file if that process still runs the program; otherwise fails.
running() { # file program
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] && echo "$pid"
}

write_conf() {
    mkdir -p "$CLUSTER_DIR"/{log,run,ctld,spool,munge} /etc/slurm
    chmod 755 "$CLUSTER_DIR" "$CLUSTER_DIR"/{log,run,munge}
    cat >"$CLUSTER_DIR/slurm.conf" <<CONF
# Written by tests/hpc/cluster.sh: two nodes on this machine, at the loopback address, for tests only.
ClusterName=graincast
SlurmctldHost=$(host)(127.0.0.1)
SlurmUser=root
SlurmctldPort=$CLUSTER_PORT
AuthType=auth/munge
AuthInfo=socket=$CLUSTER_DIR/munge/munge.socket,cred_expire=15
CredType=cred/munge
StateSaveLocation=$CLUSTER_DIR/ctld
SlurmdSpoolDir=$CLUSTER_DIR/spool/%n
SlurmctldPidFile=$CLUSTER_DIR/run/slurmctld.pid
SlurmdPidFile=$CLUSTER_DIR/run/slurmd-%n.pid
SlurmctldLogFile=$CLUSTER_DIR/log/slurmctld.log
SlurmdLogFile=$CLUSTER_DIR/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
PropagateResourceLimits=NONE

# Memory, without cgroups: each step's resident memory is read every second. A step over its limit is killed, its job
# ends as FAILED and its log says "exceeded memory limit". (With cgroups, the state would be OUT_OF_MEMORY.)
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss

# Time: a job over its limit gets SIGTERM, and SIGKILL five seconds later. SLURM counts minutes and checks every 30 s.
OverTimeLimit=0
KillWait=5

# Finished jobs stay visible to squeue for an hour, so that no status is missed.
MinJobAge=3600
$(accounting_settings)
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
MaxArraySize=1001
ReturnToService=2
SlurmdTimeout=20
SlurmctldTimeout=20
MessageTimeout=10
BatchStartTimeout=10
SlurmdParameters=config_overrides
# node1 has a mock GPU (its device is /dev/zero): jobs that request one are scheduled there and assigned it.
GresTypes=gpu
$(for n in $NODES; do
    echo "NodeName=$n NodeHostname=$(host) NodeAddr=127.0.0.1 Port=$(port_of "$n") CPUs=$CLUSTER_CPUS" \
        "RealMemory=$CLUSTER_MEM_MB$([ "$n" != node1 ] || echo ' Gres=gpu:1') State=UNKNOWN"
done)
# LLN: jobs go to the node with the least load, so that both have some
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE LLN=YES State=UP
PartitionName=short Nodes=ALL MaxTime=60 LLN=YES State=UP
CONF
    echo "NodeName=node1 Name=gpu File=/dev/zero" >"$CLUSTER_DIR/gres.conf"
    chmod 644 "$CLUSTER_DIR"/{slurm,gres}.conf
    if [ -e $CONF ] && [ "$(readlink -f $CONF)" != "$(readlink -f "$CLUSTER_DIR/slurm.conf")" ]; then
        grep -q '^# Written by tests/hpc/cluster.sh' $CONF || skip "this machine already has a SLURM configuration ($CONF)"
    fi
    ln -sfn "$CLUSTER_DIR/slurm.conf" $CONF
    ln -sfn "$CLUSTER_DIR/gres.conf" "$(dirname $CONF)/gres.conf"
}

# slurm.conf's lines about accounting: none, or slurmdbd where `accounting` has set it up.
accounting_settings() {
    if [ ! -e "$CLUSTER_DIR/slurmdbd.conf" ]; then
        echo "AccountingStorageType=accounting_storage/none"
        return
    fi
    echo "AccountingStorageType=accounting_storage/slurmdbd"
    echo "AccountingStorageHost=127.0.0.1"
    echo "AccountingStoragePort=$((CLUSTER_PORT + 3))"
    echo "AccountingStoragePass=$CLUSTER_DIR/munge/munge.socket"  # for auth/munge, its socket
    echo "AccountingStorageEnforce=associations,limits"
    echo "AccountingStoreFlags=job_comment"
}

start_munge() {
    running "$CLUSTER_DIR/munge/munged.pid" munged >/dev/null && return 0
    local d=$CLUSTER_DIR/munge
    if [ ! -s "$d/munge.key" ]; then (umask 077 && head -c 1024 /dev/urandom >"$d/munge.key"); fi
    chown -R munge: "$d"
    chmod 400 "$d/munge.key"
    rm -f "$d/munge.socket"*
    setpriv --reuid munge --regid munge --clear-groups munged --key-file "$d/munge.key" --socket "$d/munge.socket" \
        --pid-file "$d/munged.pid" --log-file "$d/munged.log" --seed-file "$d/munged.seed" ||
        fail "munged did not start ($d/munged.log)"
}

# Waits until a command succeeds; fails after the given time.
wait_for() { # seconds command...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.3
    done
}

nodes_ready() {
    local states
    states=$(sinfo --noheader --Node --format %T) && [ -n "$states" ] || return 1
    ! grep -qvE '^(idle|mixed|allocated|completing)$' <<<"$states"
}

do_start() {
    needs_root
    command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null ||
        skip "SLURM is not installed ($0 install)"
    if running "$CLUSTER_DIR/run/slurmctld.pid" slurmctld >/dev/null && nodes_ready; then
        say "already up"
        return 0
    fi
    write_conf
    start_munge
    running "$CLUSTER_DIR/run/slurmctld.pid" slurmctld >/dev/null || slurmctld
    wait_for 150 scontrol ping || fail "slurmctld does not answer ($CLUSTER_DIR/log/slurmctld.log)"
    start_slurmds
    if ! wait_for 15 nodes_ready; then
        # nodes may still be down or drained from an earlier stop of the cluster
        scontrol update "nodename=${NODES// /,}" state=resume 2>/dev/null || true
        wait_for 225 nodes_ready || fail "not all nodes come up: $(sinfo --noheader --format '%N %T %E') ($CLUSTER_DIR/log)"
    fi
    say "up: $(sinfo --noheader --partition main --format '%N %T, %c CPUs each, %m MB')"
}

# Starts the daemons of those nodes where none is running.
start_slurmds() {
    local n
    for n in $NODES; do
        running "$CLUSTER_DIR/run/slurmd-$n.pid" slurmd >/dev/null && continue
        mkdir -p "$CLUSTER_DIR/spool/$n"
        slurmd -N "$n" || fail "slurmd of $n did not start ($CLUSTER_DIR/log/slurmd-$n.log)"
    done
}

# --------------------------------------------------------------------------------------------------------- accounting

do_accounting() {
    needs_root
    if [ -e "$CLUSTER_DIR/slurmdbd.conf" ] && do_status >/dev/null && sacctmgr --noheader list cluster >/dev/null 2>&1; then
        say "already up, with accounting"
        return 0
    fi
    needs_debian
    install_packages mariadb-server slurmdbd
    do_stop 2>/dev/null
    write_conf
    start_munge
    start_mariadb
    start_slurmdbd
    do_start
}

start_mariadb() {
    local d=$CLUSTER_DIR/mariadb
    [ -d "$d/data/mysql" ] || {
        mkdir -p "$d"
        chown mysql: "$d"
        mariadb-install-db --user=mysql --datadir="$d/data" --auth-root-authentication-method=socket >"$d/install.log" 2>&1 ||
            fail "MariaDB could not be set up ($d/install.log)"
    }
    mariadbd --no-defaults --user=mysql --datadir="$d/data" --socket="$d/socket" --pid-file="$d/mariadbd.pid" \
        --bind-address=127.0.0.1 --port=$((CLUSTER_PORT + 4)) --log-error="$d/mariadbd.log" >/dev/null 2>&1 &
    wait_for 60 mariadb-admin --no-defaults --socket="$d/socket" ping || fail "MariaDB does not answer ($d/mariadbd.log)"
}

start_slurmdbd() {
    local password
    password=$(head -c 18 /dev/urandom | base64)
    mariadb --no-defaults --socket="$CLUSTER_DIR/mariadb/socket" <<SQL || fail "MariaDB does not take slurmdbd's user"
CREATE OR REPLACE USER slurm@localhost IDENTIFIED BY '$password';
CREATE DATABASE IF NOT EXISTS slurm_acct_db;
GRANT ALL ON slurm_acct_db.* TO slurm@localhost;
SQL
    (umask 077 && cat >"$CLUSTER_DIR/slurmdbd.conf") <<CONF
# Written by tests/hpc/cluster.sh
AuthType=auth/munge
AuthInfo=socket=$CLUSTER_DIR/munge/munge.socket
DbdHost=$(host)
DbdAddr=127.0.0.1
DbdPort=$((CLUSTER_PORT + 3))
SlurmUser=root
LogFile=$CLUSTER_DIR/log/slurmdbd.log
PidFile=$CLUSTER_DIR/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((CLUSTER_PORT + 4))
StorageUser=slurm
StoragePass=$password
CONF
    ln -sfn "$CLUSTER_DIR/slurmdbd.conf" "$(dirname $CONF)/slurmdbd.conf"
    write_conf
    slurmdbd || fail "slurmdbd did not start ($CLUSTER_DIR/log/slurmdbd.log)"
    wait_for 60 sacctmgr --noheader list cluster || fail "slurmdbd does not answer ($CLUSTER_DIR/log/slurmdbd.log)"
    # with the cluster come an account and a user, both called root; it is there already if there was accounting before
    sacctmgr --immediate --quiet add cluster graincast >/dev/null || true
    [ -n "$(sacctmgr --noheader list association user=root)" ] || fail "slurmdbd took no association for root"
}

# --------------------------------------------------------------------------------------------------------------- stop

# Ends one of this cluster's processes, known by its pid file, and waits for it.
end() { # file program [signal]
    local pid
    pid=$(running "$1" "$2") || return 0
    kill "-${3:-TERM}" "$pid" 2>/dev/null || true
    wait_for 100 test ! -d "/proc/$pid" || kill -KILL "$pid" 2>/dev/null || true
    rm -f "$1"
}

# Prints the ids of the step daemons of a node's jobs, found by the sockets in its spool folder.
step_daemons() { # node
    local s
    for s in "$CLUSTER_DIR/spool/$1/$1"_*; do
        [ -S "$s" ] && ss_owner "$s"
    done
    return 0
}

ss_owner() { # socket; prints the ids of the slurmstepd processes that listen on it
    local inode fd
    for inode in $(awk -v s="$1" '$NF == s { print $(NF - 1) }' /proc/net/unix); do
        for fd in /proc/[0-9]*/fd/*; do
            if [ "$(readlink "$fd" 2>/dev/null)" = "socket:[$inode]" ]; then echo "$fd" | cut -d/ -f3; fi
        done
    done | sort -u
}

do_stop() {
    needs_root
    if running "$CLUSTER_DIR/run/slurmctld.pid" slurmctld >/dev/null && [ -n "$(squeue --noheader 2>/dev/null)" ]; then
        squeue --noheader --format %A | sort -u | xargs -r scancel 2>/dev/null || true
        wait_for 100 no_jobs || true
    fi
    local n
    for n in $NODES; do end "$CLUSTER_DIR/run/slurmd-$n.pid" slurmd; done
    end "$CLUSTER_DIR/run/slurmctld.pid" slurmctld
    end "$CLUSTER_DIR/run/slurmdbd.pid" slurmdbd
    end "$CLUSTER_DIR/mariadb/mariadbd.pid" mariadbd
    rm -f "$CLUSTER_DIR/slurmdbd.conf"
    end "$CLUSTER_DIR/munge/munged.pid" munged
    [ ! -L $CONF ] || [ "$(readlink $CONF)" != "$CLUSTER_DIR/slurm.conf" ] || rm -f $CONF "$(dirname $CONF)"/{gres,slurmdbd}.conf
    say "stopped"
}

no_jobs() { [ -z "$(squeue --noheader)" ]; }

do_queue_limit() {
    needs_root
    write_conf
    [ -z "${1:-}" ] || echo "MaxJobCount=$1" >>"$CLUSTER_DIR/slurm.conf"
    end "$CLUSTER_DIR/run/slurmctld.pid" slurmctld
    slurmctld
    wait_for 150 nodes_ready || fail "the nodes do not come back ($CLUSTER_DIR/log/slurmctld.log)"
}

do_slurmd_restart() {
    needs_root
    local n
    for n in $NODES; do
        if [ "${1:-}" = kill ]; then crash "$n"; else end "$CLUSTER_DIR/run/slurmd-$n.pid" slurmd; fi
    done
    start_slurmds
    wait_for 300 nodes_ready || fail "not all nodes come back: $(sinfo --noheader --format '%N %T %E')"
}

do_slurmd_stop() {
    needs_root
    [[ " $NODES " == *" ${1:-none} "* ]] || fail "slurmd-stop: name one of $NODES"
    crash "$1"
}

# Kills a node's daemon, and the whole tree of processes below each of its step daemons.
crash() { # node
    local pids pid
    pids=$(step_daemons "$1")
    end "$CLUSTER_DIR/run/slurmd-$1.pid" slurmd KILL
    for pid in $pids; do kill_tree "$pid"; done
}

kill_tree() {
    local child
    for child in $(ps -o pid= --ppid "$1"); do kill_tree "$child"; done
    kill -KILL "$1" 2>/dev/null || true
}

# ------------------------------------------------------------------------------------------------------------- status

do_status() {
    local up=0 p accounting=''
    [ ! -e "$CLUSTER_DIR/slurmdbd.conf" ] || accounting='mariadb/mariadbd run/slurmdbd'
    for p in munge/munged $accounting run/slurmctld $(printf 'run/slurmd-%s ' $NODES); do
        if running "$CLUSTER_DIR/$p.pid" "$(basename "${p%-*}")" >/dev/null; then
            echo "${p#*/}: running ($(cat "$CLUSTER_DIR/$p.pid"))"
        else
            echo "${p#*/}: not running"
            up=3
        fi
    done
    if [ $up = 0 ]; then
        sinfo
        squeue
        nodes_ready || up=3
    fi
    command -v apptainer >/dev/null && apptainer --version || echo "apptainer: not installed"
    return $up
}

case "${1:-}" in
    install) do_install ;;
    start) do_start ;;
    accounting) do_accounting ;;
    stop) do_stop ;;
    status) do_status ;;
    queue-limit) shift && do_queue_limit "$@" ;;
    slurmd-restart) shift && do_slurmd_restart "$@" ;;
    slurmd-stop) shift && do_slurmd_stop "$@" ;;
    *)
        sed -n '2,/^set /p' "$0" | sed '$d; s/^# \{0,1\}//' >&2
        exit 2
        ;;
esac

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// worker is a worker node. Its VM is a set of namespaces with a first process
// that does nothing: what the worker leaves behind when it ends, such as the
// shims of its containers, goes on in it, and goes with it.
type worker struct {
	site    *site
	name    string // "worker-0": the instance, whatever its VM
	net     *namespace
	vm      *process
	process *process
}

// workerName is what Concourse calls the worker of an instance with an agent, as
// the worker job of the BOSH release makes it of its host's name: the first block
// of the instance's id and all but the first of the agent's. The agent is the
// VM's: a new one makes a new worker.
func workerName(instance, agent string) string {
	first, _, _ := strings.Cut(instance, "-")
	_, rest, _ := strings.Cut(agent, "-")
	return first + "-" + rest
}

// slots are the instances by the names that their workers have had.
type slots struct {
	mu   sync.Mutex
	list map[string]string // "1a2b3c4d-bbbb-cccc-dddd-eeeeeeeeeeee": "worker-0"
}

func (l *slots) add(worker, instance string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list == nil {
		l.list = map[string]string{}
	}
	l.list[worker] = instance
}

// worker is the name of the worker that an instance has now; "" of none.
func (l *slots) worker(instance string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for worker, at := range l.list {
		if at == instance {
			return worker
		}
	}
	return ""
}

// slot is the instance that a worker of Concourse is on; the worker's own name
// where it is none of ours.
func (s *site) slot(worker string) string {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	if instance := s.slots.list[worker]; instance != "" {
		return instance
	}
	return worker
}

// How long a worker may take to obey each of the signals that end it.
const signalGrace = 10 * time.Second

// script is the VM. Mounts stay inside: containerd's socket and the network
// plugins' records have fixed paths, and are each worker's own.
const script = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
touch "$0"
exec sleep infinity`

func (w *worker) dir() string { return w.site.path(w.name) }

// boot starts the VM.
func (w *worker) boot(ctx context.Context) error {
	if err := os.MkdirAll(w.dir(), 0o755); err != nil {
		return err
	}
	booted := filepath.Join(w.dir(), "booted")
	var err error
	if w.vm, err = w.site.launcher.start(spec{
		name: "the VM of " + w.name, path: "nsenter", args: []string{"--net=" + w.net.path(), "sh", "-c", script, booted},
		dir: w.dir(), log: w.dir() + ".log", namespaces: true,
	}); err != nil {
		return err
	}
	return eventually(ctx, patience, w.vm.name, func(context.Context) error {
		if w.vm.ended() {
			return finalError{fmt.Errorf("it ended: %v; see %s", w.vm.err, w.vm.log)}
		}
		_, err := os.Stat(booted)
		return err
	})
}

// start starts the worker under a name with the program of a version, on a new
// VM if it has none.
func (w *worker) start(ctx context.Context, name, version string) error {
	if w.vm == nil {
		if err := w.boot(ctx); err != nil {
			return err
		}
	}
	s := w.site
	s.slots.add(name, w.name)
	config := filepath.Join(w.dir(), "containerd-config.toml")
	if err := os.WriteFile(config, []byte(containerdConfig), 0o644); err != nil {
		return err
	}
	values := map[string]string{
		"NAME": name, "WORK_DIR": w.dir(), "RESOURCE_TYPES": s.tools.resourceTypes(), "RUNTIME": "containerd",
		"TSA_HOST": s.web.address + ":2222", "TSA_PUBLIC_KEY": s.path("tsa_host_key.pub"),
		"TSA_WORKER_PRIVATE_KEY": s.path("worker_key"), "CONTAINERD_BIN": "/usr/bin/containerd", "CONTAINERD_CONFIG": config,
		"CONTAINERD_INIT_BIN": s.tools.init(), "CONTAINERD_CNI_PLUGINS_DIR": "/usr/lib/cni", "CONTAINERD_ALLOW_HOST_ACCESS": "true",
		"CONTAINERD_NETWORK_POOL": w.net.pool, "BAGGAGECLAIM_DRIVER": "overlay", "BIND_IP": "127.0.0.1", "BAGGAGECLAIM_BIND_IP": "127.0.0.1",
		"LOG_LEVEL": "info", "CONTAINERD_DNS_SERVER": w.net.outside, "SWEEP_INTERVAL": "10s",
	}
	var env []string
	for name, value := range values {
		env = append(env, "CONCOURSE_"+name+"="+value)
	}
	var err error
	if w.process, err = s.launcher.start(spec{
		name: w.name, path: "nsenter", env: env, dir: w.dir(), log: w.dir() + ".log",
		args: []string{"--target", strconv.Itoa(w.vm.pid), "--mount", "--root", "--pid", "--net", s.tools.concourse(version), "worker"},
	}); err != nil {
		return err
	}
	return w.process.inner(ctx)
}

// containerdConfig is what Concourse writes where it is not given one, without
// the plugin that makes directories in /opt.
const containerdConfig = `version = 2
oom_score = 0
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt"]
`

// drain is what the worker job's drain script does: a signal that lands (USR1)
// or retires (USR2) the worker, then the time that drain_timeout gives its
// builds, then TERM, QUIT and KILL. It says whether the worker ended by itself.
func (w *worker) drain(ctx context.Context, signal syscall.Signal, timeout time.Duration) bool {
	if w.process == nil || w.process.ended() {
		return true
	}
	w.process.signal(signal)
	if w.process.wait(ctx, timeout) {
		return true
	}
	w.process.stop(ctx, signalGrace, syscall.SIGTERM, syscall.SIGQUIT)
	return false
}

// replace gives the worker a new VM.
func (w *worker) replace() error {
	w.kill()
	w.vm = nil
	if err := os.RemoveAll(w.dir()); err != nil {
		return fmt.Errorf("replace the VM of %s: %w", w.name, err)
	}
	return nil
}

// kill ends the VM with all that is in it.
func (w *worker) kill() {
	if w.vm != nil {
		w.vm.signal(syscall.SIGKILL)
		<-w.vm.done
	}
	if w.process != nil {
		<-w.process.done // it was in there
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// namespace is a network namespace for a worker, joined to the machine by a pair
// of interfaces. Nothing else of the machine's network is touched: containers
// reach the machine's side of the pair and no further.
type namespace struct {
	name    string // "perpetual-e2e-11"
	outside string // address of the machine, for the worker: "10.99.1.1"
	pool    string // for the worker's containers: "10.101.0.0/16"
	link    string // the machine's interface: "pe2e11"
}

// newNamespace makes the namespace of worker w (from 0) of site n (from 1). One
// of that name that an earlier run left behind is replaced.
func newNamespace(ctx context.Context, n, w int) (*namespace, error) {
	third := 2*n - 1 + w
	s := &namespace{
		name: fmt.Sprintf("perpetual-e2e-%d%d", n, w), link: fmt.Sprintf("pe2e%d%d", n, w),
		outside: fmt.Sprintf("10.99.%d.1", third), pool: fmt.Sprintf("10.%d.0.0/16", 100+third),
	}
	if err := s.remove(ctx); err != nil {
		return nil, err
	}
	inside := fmt.Sprintf("10.99.%d.2", third)
	for _, args := range []string{
		"netns add " + s.name,
		"link add " + s.link + " type veth peer name eth0 netns " + s.name,
		"addr add " + s.outside + "/24 dev " + s.link,
		"link set " + s.link + " up",
		"-n " + s.name + " link set lo up",
		"-n " + s.name + " addr add " + inside + "/24 dev eth0",
		"-n " + s.name + " link set eth0 up",
		"-n " + s.name + " route add default via " + s.outside,
	} {
		if _, err := run(ctx, "", nil, "ip", strings.Fields(args)...); err != nil {
			return nil, errors.Join(fmt.Errorf("make network namespace %s: %w", s.name, err), s.remove(ctx))
		}
	}
	return s, nil
}

// path is where the namespace can be entered.
func (s *namespace) path() string { return "/run/netns/" + s.name }

// remove removes the namespace and with it its interfaces and all of its
// firewall rules.
func (s *namespace) remove(ctx context.Context) error {
	if _, err := os.Stat(s.path()); err != nil {
		return nil
	}
	if _, err := run(ctx, "", nil, "ip", "netns", "delete", s.name); err != nil {
		return fmt.Errorf("remove network namespace %s: %w", s.name, err)
	}
	// The pair goes when the kernel has let go of the namespace; its name is
	// wanted again by the next run, so it goes now.
	_, _ = run(ctx, "", nil, "ip", "link", "delete", s.link)
	return nil
}

// removeNamespaces removes those of an earlier run.
func removeNamespaces() error {
	paths, _ := filepath.Glob("/run/netns/perpetual-e2e-*") // the pattern is well formed
	var errs []error
	for _, path := range paths {
		name := filepath.Base(path)
		left := &namespace{name: name, link: "pe2e" + strings.TrimPrefix(name, "perpetual-e2e-")}
		errs = append(errs, left.remove(context.Background()))
	}
	return errors.Join(errs...)
}

// containerGroups are the cgroups that workers make for containers, each with
// those below it. They are where the worker's own cgroup is, which may be deep.
func containerGroups() map[string]bool {
	found := map[string]bool{}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // a cgroup that has just gone
		}
		if entry.IsDir() && entry.Name() == "garden" {
			found[path] = true
			return filepath.SkipDir
		}
		return nil
	})
	return found
}

// removeGroups removes the containers' cgroups that were not there before. The
// kernel takes a moment to let go of those whose processes were killed.
func removeGroups(before map[string]bool) {
	for range 20 {
		left := 0
		for path := range containerGroups() {
			if !before[path] && !removeTree(path) {
				left++
			}
		}
		if left == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// removeTree removes a cgroup with its children; one that holds a process stays.
func removeTree(path string) bool {
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		if e.IsDir() {
			removeTree(filepath.Join(path, e.Name()))
		}
	}
	return os.Remove(path) == nil
}

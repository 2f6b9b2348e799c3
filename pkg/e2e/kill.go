package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// killPut kills the process of the put that runs on one of the site's workers, as
// the kernel does that is out of memory. Concourse sees it fail.
func (s *stage) killPut() error {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well formed
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(line), "/opt/resource/out\x00") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || !s.runs(pid) {
			continue
		}
		s.line.add("killed", "the put's process")
		return syscall.Kill(pid, syscall.SIGKILL)
	}
	return errors.New("kill the put: no worker of the site runs one")
}

// runs says whether a process is on one of the site's workers: below the first
// process of its VM.
func (s *site) runs(pid int) bool {
	for pid > 1 {
		for _, w := range s.workers {
			if w.vm != nil && w.vm.pid == pid {
				return true
			}
		}
		pid = parent(pid)
	}
	return false
}

// parent is a process's parent; 0 where it has none, or has ended.
func parent(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nPPid:")
	line, _, _ := strings.Cut(rest, "\n")
	found, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0
	}
	return found
}

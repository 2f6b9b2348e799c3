package installer_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
)

// spy collects the arguments of a process and of all that it has started. What runs
// beside it on the machine is none of its business: other tests give secrets to shells.
type spy struct {
	mu     sync.Mutex
	root   int             // the process, the first of a session of its own
	seen   map[string]bool // arguments, by whole command lines
	beside map[int]bool    // the processes there that are others', which is all but a few
}

// start starts a command and watches it from now on.
func (s *spy) start(cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.root, s.seen, s.beside = cmd.Process.Pid, map[string]bool{}, map[int]bool{}
	return nil
}

// look sees what is there now.
func (s *spy) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pid := range s.started() {
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
			s.seen[string(text)] = true
		}
	}
}

// hook looks while a CPI waits for its answer.
func (s *spy) hook(c cpi.Call) *cpi.Fault {
	if c.To == "cpi" {
		s.look()
	}
	return nil
}

// arguments are those that were seen, a command a line.
func (s *spy) arguments() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for text := range s.seen {
		b.WriteString(strings.ReplaceAll(strings.TrimSuffix(text, "\x00"), "\x00", " ") + "\n")
	}
	return b.String()
}

// watch looks all the time until the command has ended.
func (s *spy) watch(cmd *exec.Cmd) {
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	for {
		s.look()
		select {
		case <-ended:
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// started are the processes that root has started, and they, with root itself: those of
// its session, where they stay when their parents end, and all that descend from it. One
// that is another's is looked at once: it stays that. The caller holds mu.
func (s *spy) started() (list []int) {
	parents, sessions, beside := map[int]int{}, map[int]int{}, map[int]bool{}
	for _, pid := range processes() {
		if s.beside[pid] {
			beside[pid] = true
		} else if parent, session, there := lineage(pid); there {
			parents[pid], sessions[pid] = parent, session
		}
	}
	for pid := range parents {
		at := pid
		for n := 0; at != s.root && sessions[at] != s.root && parents[at] > 1 && n < len(parents); n++ {
			at = parents[at]
		}
		_, known := parents[at]
		switch {
		case at == s.root || sessions[at] == s.root:
			list = append(list, pid)
		case known || beside[at]: // of one that has just ended or begun it is not known
			beside[pid] = true
		}
	}
	s.beside = beside
	return list
}

// processes are all that there are.
func processes() (list []int) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

// lineage is a process's parent and session, if it is there.
func lineage(pid int) (parent, session int, there bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // its name may have spaces
	if err != nil || len(fields) < 4 {
		return 0, 0, false // it has just ended
	}
	parent, _ = strconv.Atoi(fields[1])
	session, _ = strconv.Atoi(fields[3])
	return parent, session, true
}

// programs are what puts itself before others in PATH.
type programs struct {
	path        string // PATH
	arguments   string // the file of how they were called, a call a line
	environment string // the file of what was in their environment
}

// spyOnPrograms makes programs for PATH that write down how they are called, and then are
// those that they stand before.
func spyOnPrograms(t *testing.T, path string) programs {
	t.Helper()
	dir := t.TempDir()
	p := programs{path: dir + ":" + path, arguments: filepath.Join(dir, "arguments"), environment: filepath.Join(dir, "environment")}
	for _, name := range []string{"ruby", "tar", "bash", "sh", "gzip"} {
		for _, at := range filepath.SplitList(path) {
			program := filepath.Join(at, name)
			if _, err := os.Stat(program); err != nil {
				continue
			}
			script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"%s $*\" >>%s\n/usr/bin/env >>%s\nexec %s \"$@\"\n", name, p.arguments, p.environment, program)
			if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	return p
}

// A spy sees the arguments of children, of theirs, of those whose parents have ended and
// of those that have left the session, and of nothing that runs beside.
func TestSpy_seesWhatAProgramHasStartedAndNothingBeside(t *testing.T) {
	t.Parallel()
	const waits = `echo ready; read end <&3; :`
	beside := exec.CommandContext(t.Context(), "sh", "-c", "exec 3<&0; "+waits, "of-another")
	wait(t, beside, beside.Start, 1)
	s := &spy{}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `exec 3<&0
		sh -c '(sh -c "`+waits+`" of-an-orphan &)' of-one-that-ends
		setsid sh -c '`+waits+`' of-another-session &
		sh -c 'sh -c "`+waits+`" of-a-grandchild; :' of-a-child`, "of-itself")
	wait(t, cmd, func() error { return s.start(cmd) }, 3)
	s.look()
	seen := s.arguments()
	for _, want := range []string{"of-itself", "of-a-child", "of-a-grandchild", "of-an-orphan", "of-another-session"} {
		if !strings.Contains(seen, " "+want+"\n") {
			t.Errorf("%q was not seen in:\n%s", want, seen)
		}
	}
	if strings.Contains(seen, "of-another\n") {
		t.Errorf("what runs beside was seen:\n%s", seen)
	}
}

// wait starts a command and waits for so many lines of it. It ends with the test, as it
// reads its input.
func wait(t *testing.T, cmd *exec.Cmd, start func() error, lines int) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	read := bufio.NewReader(stdout)
	for range lines {
		if line, err := read.ReadString('\n'); line != "ready\n" {
			t.Fatalf("read %q, %v", line, err)
		}
	}
}

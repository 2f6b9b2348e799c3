package installer_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// onTerminal runs the program with a terminal of its own as stdin, stdout and stderr,
// types an answer once it asks for one, and gives what the terminal was sent.
func onTerminal(t *testing.T, dir string, env []string, answer string, args ...string) (code int, sent string) {
	t.Helper()
	master, slave := openTerminal(t)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, slave, slave, slave
	cmd.Env = append(environ(dir), env...)
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true} // so that ^C is a signal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	heard := &listener{text: "to go on: ", heard: func() { _, _ = master.WriteString(answer) }}
	_, _ = io.Copy(heard, master) // ends with an error when nobody has the other end open
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), heard.said.String()
}

// openTerminal opens both ends of a terminal: the one that people look at, and the
// programs'.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 100})
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

func TestPlan_onATerminal(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	for name, c := range map[string]struct {
		env          []string
		live, pretty bool
	}{
		"UTF-8":                    {[]string{"TERM=xterm", "LANG=en_US.UTF-8"}, true, true},
		"UTF-8 in LC_CTYPE":        {[]string{"TERM=xterm", "LC_CTYPE=C.utf8", "LANG=C"}, true, true},
		"LC_ALL wins":              {[]string{"TERM=xterm", "LC_ALL=C", "LANG=en_US.UTF-8"}, true, false},
		"a locale that is not set": {[]string{"TERM=xterm"}, true, false},
		"no TERM":                  {[]string{"LANG=en_US.UTF-8"}, false, false},
		"a terminal without sense": {[]string{"TERM=dumb", "LANG=en_US.UTF-8"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			code, sent := onTerminal(t, p.dir, p.env(c.env...), "", "plan", "--workers-count=2")
			if code != installer.ExitChanges || !strings.Contains(sent, "estimated cost a month") {
				t.Fatalf("exit code %d, %q", code, sent)
			}
			if live := strings.Contains(sent, "\x1b"); live != c.live {
				t.Errorf("control sequences: %t, want %t", live, c.live)
			}
			if colored := strings.Contains(sent, "\x1b[32m+ "); colored != c.live {
				t.Errorf("colours in the plan: %t, want %t", colored, c.live)
			}
			foreign := strings.IndexFunc(sent, func(r rune) bool { return r > 127 })
			if pretty := foreign >= 0; pretty != c.pretty {
				t.Errorf("characters beyond ASCII: %t, want %t: %q", pretty, c.pretty, sent[max(0, foreign):])
			}
		})
	}
	if q := run(t, p.dir, p.env("LC_ALL=C"), "plan", "--workers-count=2"); strings.ContainsFunc(q.stdout+q.stderr, func(r rune) bool { return r > 127 }) {
		t.Errorf("with LC_ALL=C, into a pipe:\n%s%s", q.stderr, q.stdout)
	}
	if q := p.run(t, "plan", "--workers-count=2"); !strings.Contains(q.stdout, "×") {
		t.Errorf("with nothing said of the locale, into a pipe:\n%s", q.stdout)
	}
}

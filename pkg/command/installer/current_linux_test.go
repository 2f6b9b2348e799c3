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

// plan asks Concourse where it is: at the address that is only wanted nobody answers.
// destroy says what it is about to delete, and an interrupted question deletes nothing.
func TestPlanAndDestroy_lookAtWhatIs(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.good(t, "deploy")
	for _, args := range [][]string{{"--access-port", "9443"}, {"--access-domain", "ci.example.com"}} {
		q := p.run(t, append([]string{"plan"}, args...)...)
		if q.code != installer.ExitChanges || !strings.Contains(q.stdout, "external_url") {
			t.Errorf("%v: code %d\n%s%s", args, q.code, q.stdout, q.stderr)
		}
	}
	before := p.everything()
	code, sent := p.asked(t, "\x03", "destroy")
	if code != 130 {
		t.Errorf("Ctrl-C at the question: exit code %d\n%s", code, sent)
	}
	for _, part := range []string{"123456789012", "eu-central-1", p.WebURL(), "2 of Concourse, and the director's", "What stays: a last snapshot of the database", "nothing was changed"} {
		if !strings.Contains(sent, part) {
			t.Errorf("no %q in:\n%s", part, sent)
		}
	}
	if code, sent := p.asked(t, "cd\n", "destroy"); code != 1 || !strings.Contains(sent, "that is not ci; nothing was changed") {
		t.Errorf("another name: exit code %d\n%s", code, sent)
	}
	if after := p.everything(); after.VMs != before.VMs || after.Stack != before.Stack || len(after.Effects) != len(before.Effects) {
		t.Errorf("something was deleted: %+v, before %+v", after, before)
	}
	if code, sent := p.asked(t, "ci\n", "destroy"); code != 0 || !strings.Contains(sent, "ci is deleted") {
		t.Errorf("its name: exit code %d\n%s", code, sent)
	}
}

// asked runs the program on a terminal of its own, and types an answer once it asks.
func (p *place) asked(t *testing.T, answer string, args ...string) (code int, sent string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals are to be had: %v", err)
	}
	defer func() { _ = master.Close() }()
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = p.dir, slave, slave, slave
	cmd.Env = append(environ(p.dir), p.env("TERM=dumb")...)
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

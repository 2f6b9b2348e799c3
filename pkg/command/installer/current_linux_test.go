package installer_test

import (
	"strings"
	"testing"

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
	destroy := func(answer string) (code int, sent string) {
		return onTerminal(t, p.dir, p.env("TERM=dumb"), answer, "destroy")
	}
	code, sent := destroy("\x03")
	if code != 130 {
		t.Errorf("Ctrl-C at the question: exit code %d\n%s", code, sent)
	}
	for _, part := range []string{"123456789012", "eu-central-1", p.WebURL(), "2 of Concourse, and the director's", "What stays: a last snapshot of the database", "nothing was changed"} {
		if !strings.Contains(sent, part) {
			t.Errorf("no %q in:\n%s", part, sent)
		}
	}
	if code, sent := destroy("cd\n"); code != 1 || !strings.Contains(sent, "that is not ci; nothing was changed") {
		t.Errorf("another name: exit code %d\n%s", code, sent)
	}
	if after := p.everything(); after.VMs != before.VMs || after.Stack != before.Stack || len(after.Effects) != len(before.Effects) {
		t.Errorf("something was deleted: %+v, before %+v", after, before)
	}
	if code, sent := destroy("ci\n"); code != 0 || !strings.Contains(sent, "ci is deleted") {
		t.Errorf("its name: exit code %d\n%s", code, sent)
	}
}

package installer_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// What has failed three times is refused before it is submitted again, with the flag
// that helps once the cause, which no file shows, was repaired.
func TestDeploy_triesOnceMoreWithTheFlagThatItsRefusalNames(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.good(t, "deploy")
	const cause = "the cloud has no room for a second worker"
	p.Director.FailCreateVM("worker", 1, cause, 3)
	deploy := []string{"deploy", "--workers-count", "2"}
	for n := range 3 {
		if q := p.run(t, deploy...); q.code != 1 || q.stdout != "" || !strings.Contains(q.stderr, cause) {
			t.Fatalf("attempt %d: code %d, stdout %s, stderr\n%s", n+1, q.code, q.stdout, q.stderr)
		}
	}
	before := len(p.Director.Effects())
	q := p.run(t, deploy...)
	for _, part := range []string{"failed 3 times", cause, "--attempts 4"} {
		if q.code != 1 || q.stdout != "" || !strings.Contains(q.stderr, part) {
			t.Errorf("the fourth: code %d, stdout %s, stderr lacks %q:\n%s", q.code, q.stdout, part, q.stderr)
		}
	}
	if n := len(p.Director.Effects()) - before; n != 0 {
		t.Errorf("the refused run had %d effects on the director", n)
	}
	p.good(t, append(deploy, "--attempts", "4")...)
	p.finds(t, nothingToDo)
}

package installer_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// At debug a run tells its exchanges with the services of AWS, and what it reads in a state
// that is kept in a directory.
func TestLogLevel_debugTellsExchangesWithAWSAndTheState(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	q := p.run(t, "plan", "--log-level", "debug", "--state-dir", t.TempDir())
	if q.code != 2 {
		t.Fatalf("exit code %d\n%s", q.code, q.stderr)
	}
	for _, service := range []string{"STS", "EC2", "CLOUDFORMATION"} {
		at, err := url.Parse(p.Env()["AWS_ENDPOINT_URL_"+service])
		if err != nil || at.Host == "" {
			t.Fatalf("%s is at %v (%v)", service, at, err)
		}
		if !strings.Contains(q.stderr, "msg=exchange method=POST host="+at.Host+" ") {
			t.Errorf("no exchange with %s is told", service)
		}
	}
	if !strings.Contains(q.stderr, "msg=state what=get name=") {
		t.Error("what is read in the state is not told")
	}
	if t.Failed() {
		t.Log(q.stderr)
	}
}

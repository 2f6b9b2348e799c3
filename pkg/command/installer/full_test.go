package installer_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// A state directory whose disk is full: the run ends with what it could not write,
// nothing is made that is not written down, and the next run goes on.
func TestDeploy_saysWhenTheDiskOfTheStateIsFull(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, map[string]any{"state": map[string]any{"dir": "state"}})
	path, err := crashBinary()
	if err != nil {
		t.Fatal(err)
	}
	// No file may have more than 20 KiB: the configuration has less, the credentials more.
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `ulimit -f 40 && exec "$0" "$@"`, path, "deploy")
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = p.dir, &stdout, &stderr, p.env("AWS_EC2_METADATA_DISABLED=true")
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 || stdout.Len() > 0 {
		t.Fatalf("it ends with %v, stdout %q\n%s", err, &stdout, &stderr)
	}
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	for _, part := range []string{"error: credentials: ", "credentials.json", "file too large", "run deploy again"} {
		if !strings.Contains(lines[len(lines)-1], part) {
			t.Errorf("the error lacks %q: %s", part, lines[len(lines)-1])
		}
	}
	if len(p.IaaS.VMs()) != 0 {
		t.Error("a VM was made with credentials that are not written down")
	}
	if q, _ := p.attack(t, "", "deploy"); q.code != 0 {
		t.Fatalf("with room again: %s", q.stderr)
	}
	if e := p.everything(); e.VMs != 1 || e.Disks != 1 || e.Stemcells != 1 {
		t.Errorf("afterwards there is %+v", e)
	}
}

package installer_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// What only the director can refuse is not stored either: no VM has it, and the pipeline
// would deploy it again and again. What has failed on its way stays.
func TestDeploy_storesNoSettingThatTheDirectorRefuses(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.good(t, "deploy")
	stored := func() string {
		var kept struct {
			Configuration json.RawMessage
			Files         map[string]string
		}
		if err := json.Unmarshal([]byte(p.document(t, document.Names()[0])), &kept); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s %v", kept.Configuration, kept.Files)
	}
	before := stored()
	write(t, p.dir, map[string]string{"size.yml": "- {type: replace, path: /instance_groups/name=worker/vm_type, value: nosuch}\n"})
	q := p.run(t, "deploy", "--manifest-ops-files", "size.yml", "--workers-count", "2", "--workers-instance-types", "m5.large")
	for _, part := range []string{"unknown vm type 'nosuch'", "not stored: workers.count, workers.instance_types, manifest.ops_files"} {
		if q.code != 1 || q.stdout != "" || !strings.Contains(q.stderr, part) {
			t.Errorf("code %d, stdout %s, stderr lacks %q:\n%s", q.code, q.stdout, part, q.stderr)
		}
	}
	if now := stored(); now != before {
		t.Errorf("stored is\n%s\nand was\n%s", now, before)
	}
	for _, name := range []string{"nosuch", "m5.large"} {
		if record := p.document(t, document.Names()[0]); strings.Contains(record, name) {
			t.Errorf("the record has %s:\n%s", name, record)
		}
	}
	p.good(t, "deploy") // sets the cloud config again
	p.finds(t, nothingToDo)

	p.Director.FailCreateVM("worker", 1, "the cloud has no room", 1)
	if q := p.run(t, "deploy", "--workers-count", "2"); q.code != 1 || strings.Contains(q.stderr, "not stored") || stored() == before {
		t.Errorf("of what has failed on its way: code %d, stored %s\n%s", q.code, stored(), q.stderr)
	}
	p.good(t, "deploy") // goes on from there
	p.finds(t, nothingToDo)
}

package artifact_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

func TestFetch_removesWhatAKilledRunHasLeft(t *testing.T) {
	w := start(t, 1000, nil)
	others := ".other.tgz.partial-abcdefgh"
	for _, name := range []string{".file.tgz.partial-abcdefgh", ".file.tgz.partial-", others} {
		if err := os.WriteFile(filepath.Join(w.folder, name), w.content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.fetch(t, artifact.Config{}, w.file()); err != nil {
		t.Fatal(err)
	}
	w.holds(t, others, "file.tgz") // another file's may be another download's
}

func TestFetch_comesBackAtOnceWhenAskedTo(t *testing.T) {
	for _, after := range []string{"0", "-5", "Fri, 31 Dec 1999 23:59:59 GMT"} {
		w := start(t, 1000, nil)
		w.script.Add(fault.Fault{Kind: fault.Status, Code: 429, Header: http.Header{"Retry-After": {after}}})
		if err := w.fetch(t, artifact.Config{}, w.file()); err != nil {
			t.Errorf("Retry-After %s: %v", after, err)
			continue
		}
		w.holds(t, "file.tgz")
	}
}

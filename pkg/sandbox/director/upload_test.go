package director_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

func sha256Of(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// fetched uploads from a URL and gives the task.
func fetched(w *world, path, file, digest string) int {
	w.t.Helper()
	body := fmt.Sprintf(`{"location":"https://example.com/%s","sha1":%q}`, file, digest)
	return w.taskOf(w.do("POST", path, body, "Content-Type", "application/json"))
}

func TestUpload_fromAURLChecksTheDigestForReal(t *testing.T) {
	t.Parallel()
	stemcell, release := tinyStemcell("1.1"), tinyrel("3", false)
	zeros := strings.Repeat("0", 40)
	for _, c := range []struct {
		name, path, file, digest string
		code                     int
		message                  string
	}{
		{"stemcell by sha1", "/stemcells", "s.tgz", sha1Of(stemcell), 0, ""},
		{"stemcell by sha256", "/stemcells", "s.tgz", sha256Of(stemcell), 0, ""},
		{"stemcell by both", "/stemcells", "s.tgz", zeros + ";" + sha256Of(stemcell), 0, ""},
		{"stemcell without", "/stemcells", "s.tgz", "", 0, ""},
		{"release by sha256", "/releases", "r.tgz", sha256Of(release), 0, ""},
		{"wrong stemcell", "/stemcells", "s.tgz", zeros, 50007, "Expected stream to have digest '" + zeros + "' but was '" + sha1Of(stemcell) + "'\n"},
		{"wrong release", "/releases", "r.tgz", "sha256:00", 30015, "Expected stream to have digest 'sha256:00' but was '" + sha256Of(release) + "'\n"},
		{"absent stemcell", "/stemcells", "none.tgz", "", 100002, "No stemcell found at 'https://example.com/none.tgz'."},
		{"absent release", "/releases", "none.tgz", "", 100002, "No release found at 'https://example.com/none.tgz'."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := start(t, director.Options{Fetch: clientOf(files{"s.tgz": stemcell, "r.tgz": release})})
			id := fetched(w, c.path, c.file, c.digest)
			if c.code == 0 {
				w.ends(id, director.StateDone)
				same(t, "uploads", w.Count(director.EffectUpload, ""), 1)
				return
			}
			w.ends(id, director.StateError)
			code, message := w.failure(id)
			same(t, "code", code, c.code)
			same(t, "message", message, c.message)
			same(t, "uploads", w.Count(director.EffectUpload, ""), 0)
			same(t, "listed", w.do("GET", c.path, "").body, "[]")
		})
	}
}

func TestUpload_ofWhatIsThereAlreadyIsNoSecondOne(t *testing.T) {
	t.Parallel()
	w := start(t, director.Options{Fetch: clientOf(files{"s.tgz": tinyStemcell("1.1")})})
	for range 2 {
		w.ends(fetched(w, "/stemcells", "s.tgz", ""), director.StateDone)
	}
	same(t, "uploads", w.Count(director.EffectUpload, "stemcell/tiny-stemcell/1.1"), 1)
	same(t, "stemcells", len(decoded[[]any](w, w.do("GET", "/stemcells", ""))), 1)
}

func TestUpload_ofAnArchiveReadsItsManifest(t *testing.T) {
	t.Parallel()
	w := start(t, director.Options{})
	w.ends(w.taskOf(w.do("POST", "/releases", string(tinyrel("7", false)), "Content-Type", "application/x-compressed")), director.StateDone)
	same(t, "uploads", w.Count(director.EffectUpload, "release/tinyrel/7"), 1)
	id := w.taskOf(w.do("POST", "/releases", "no archive", "Content-Type", "application/x-compressed"))
	w.ends(id, director.StateError)
	same(t, "uploads", w.Count(director.EffectUpload, ""), 1)
}

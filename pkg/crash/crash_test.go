//go:build !crash

package crash_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// build builds a binary of ours and gives its bytes.
func build(t *testing.T, name string, flags ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args := append(append([]string{"build"}, flags...), "-o", path, "../../cmd/"+name)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// What is shipped can neither be told to end itself nor to wait less: the name
// of the variable is not even in it.
func TestShipped_holdsNoCrashCode(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"resource", "perpetual"} {
		if bytes.Contains(build(t, name), []byte("PERPETUAL_CRASH")) {
			t.Errorf("%s, as shipped, holds PERPETUAL_CRASH", name)
		}
	}
	if !bytes.Contains(build(t, "resource", "-tags", "crash"), []byte("PERPETUAL_CRASH")) {
		t.Error("resource with the tag crash does not hold it either: this test shows nothing")
	}
	for _, file := range []string{"../../Makefile", "../../Dockerfile", "../image/build.sh"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			tagged := strings.Contains(line, "-tags crash") || strings.Contains(line, "-tags=crash")
			if tagged && !strings.Contains(line, "go test") {
				t.Errorf("%s builds with the tag crash: %s", file, line)
			}
		}
	}
}

func TestScale_leavesWaitsAlone(t *testing.T) {
	crash.Here("anywhere") // and this test goes on
	if got := crash.Scale(3 * time.Second); got != 3*time.Second {
		t.Errorf("Scale(3s) = %s", got)
	}
}

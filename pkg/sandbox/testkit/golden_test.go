package testkit_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// recorder is a test that only notes what it is told.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (r *recorder) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// compare is what Golden says of got.
func compare(path, got string) (said string) {
	r := &recorder{}
	defer func() {
		if failed := recover(); failed != nil {
			said = fmt.Sprint(failed)
		}
	}()
	testkit.Golden(r, path, got)
	return strings.Join(r.said, "\n")
}

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.golden")
	if said := compare(path, "one\n"); !strings.Contains(said, "no such file") || !strings.Contains(said, "-update") {
		t.Errorf("without a file: %q", said)
	}
	if err := flag.Set("update", "true"); err != nil {
		t.Fatal(err)
	}
	said := compare(path, "one\n")
	if err := flag.Set("update", "false"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); said != "" || err != nil || string(text) != "one\n" {
		t.Errorf("with -update: %q, %v, and said %q", text, err, said)
	}
	if said := compare(path, "one\n"); said != "" {
		t.Errorf("of the same text: %q", said)
	}
	if said := compare(path, "two\n"); !strings.Contains(said, "a.golden") || !strings.Contains(said, "one") || !strings.Contains(said, "two") {
		t.Errorf("of another text: %q", said)
	}
}

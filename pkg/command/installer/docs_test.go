package installer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Without a topic they are listed; each that is listed is printed as it is in the
// repository.
func TestDocs_printsEveryTopicThatItLists(t *testing.T) {
	t.Parallel()
	list := run(t, t.TempDir(), nil, "docs")
	if list.code != 0 || list.stderr != "" || strings.Count(list.stdout, "\n") < 10 {
		t.Fatalf("code %d\n%s%s", list.code, list.stdout, list.stderr)
	}
	for line := range strings.Lines(list.stdout) {
		name, title, _ := strings.Cut(line, " ")
		title = strings.TrimSpace(title)
		want, err := os.ReadFile(filepath.Join("../../docs", name+".md"))
		if err != nil {
			t.Fatal(err)
		}
		p := run(t, t.TempDir(), nil, "docs", name)
		if p.code != 0 || p.stderr != "" || p.stdout != string(want) || !strings.HasPrefix(p.stdout, "# "+title+"\n") {
			t.Errorf("%s: code %d, %d bytes, want %d with the title %q: %s", name, p.code, len(p.stdout), len(want), title, p.stderr)
		}
	}
}

func TestDocs_ofNoTopicThatThereIs(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"cots":         "docs cots: unknown topic; did you mean costs?",
		"kubernetes":   "docs kubernetes: unknown topic; perpetual docs lists them",
		"costs limits": "docs: want one topic at most; perpetual docs lists them",
	} {
		refuses(t, nil, nil, append([]string{"docs"}, strings.Fields(args)...), want)
	}
	if p := run(t, t.TempDir(), nil, "help", "docs"); p.code != 0 || !strings.Contains(p.stdout, "perpetual docs costs") {
		t.Errorf("code %d, %s%s", p.code, p.stdout, p.stderr)
	}
}

package installer_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// withoutUs is the command of pkg/docs/state.md that reads a document without this program.
var withoutUs = regexp.MustCompile("`(jq -r (\\.\\w+) (\\S+) \\| age -d -i (\\S+))`")

// What is kept is read with age and the operator's key alone, by the documented command: in
// a shell where jq and age are there, and always as they would read it.
func TestState_isReadWithoutThisProgramAsDocumented(t *testing.T) {
	t.Parallel()
	e := newEstate(t, owners)
	e.good(t, "deploy")
	page, err := os.ReadFile("../../docs/state.md")
	if err != nil {
		t.Fatal(err)
	}
	command := withoutUs.FindSubmatch(page)
	if command == nil {
		t.Fatal("pkg/docs/state.md has no command that reads a document without this program")
	}
	copied := t.TempDir() // of the state, with the key beside it
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(e.dir, "state"))); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(e.dir, "ci.operator-key"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, copied, map[string]string{string(command[4]): string(key)})

	want := strings.TrimSuffix(e.good(t, "info", "--show", "admin_password").stdout, "\n")
	holds := func(how string, plain []byte) {
		var document struct{ Values map[string]any }
		if err := json.Unmarshal(plain, &document); err != nil || want == "" || document.Values["admin_password"] != want {
			t.Errorf("%s it reads %d bytes and %d values, %v", how, len(plain), len(document.Values), err)
		}
	}
	holds("with the library", readWithAge(t, copied, string(command[2]), string(command[3]), string(command[4])))
	for _, name := range []string{"jq", "age"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("there is no %s: the library reads the document, and the command itself was not run", name)
		}
	}
	shell := exec.CommandContext(t.Context(), "sh", "-c", string(command[1]))
	shell.Dir = copied
	plain, err := shell.Output()
	if err != nil {
		t.Fatalf("%s: %v", command[1], err)
	}
	holds("with the command", plain)
}

// readWithAge does what the command does: one field of a document, the identities of a
// file, and an age file that may be in armour.
func readWithAge(t *testing.T, dir, field, document, identities string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, document))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	body, _ := fields[strings.TrimPrefix(field, ".")].(string)
	file, err := os.Open(filepath.Join(dir, identities))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	list, err := age.ParseIdentities(file)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := age.Decrypt(armor.NewReader(strings.NewReader(body+"\n")), list...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

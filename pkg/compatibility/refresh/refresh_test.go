package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/docs/block"
)

var today = time.Date(2026, 9, 30, 23, 30, 0, 0, time.FixedZone("", -3600)) // the first of October in UTC

// clone is a small repository that is built like Concourse's.
type clone struct {
	t   *testing.T
	dir string
}

func newClone(t *testing.T) *clone {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git on this machine")
	}
	c := &clone{t, t.TempDir()}
	c.git("", "init", "--quiet", "--initial-branch", "master")
	return c
}

func (c *clone) git(date string, args ...string) {
	c.t.Helper()
	command := exec.Command("git", append([]string{"-C", c.dir}, args...)...)
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_AUTHOR_DATE=2001-01-01T12:00:00Z", "GIT_COMMITTER_DATE="+date)
	if out, err := command.CombinedOutput(); err != nil {
		c.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (c *clone) file(name, content string) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// release commits and tags a version with a worker version and further migrations.
func (c *clone) release(tag, date, worker string, migrations ...string) {
	c.t.Helper()
	c.file(versionsFile, "package concourse\n\n// WorkerVersion = \"9.9\" is what it once was.\nvar Version = \"0.0.0-dev\"\n\nvar WorkerVersion = \""+worker+"\"\n")
	for _, name := range migrations {
		c.file(migrationsFolder+name, "-- "+name)
	}
	c.file(migrationsFolder+"migrations.go", "package migrations // "+tag)
	c.git(date+"T12:00:00Z", "add", "--all")
	c.git(date+"T12:00:00Z", "commit", "--quiet", "--allow-empty", "--message", tag)
	c.git(date+"T12:00:00Z", "tag", tag)
}

// oldTable is a file with a table as it was.
func oldTable(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "versions.json")
	text := `{"source": "github.com/concourse/concourse", "date": "2026-08-07", "versions": [
		{"version": "7.1.0", "date": "2021-03-11", "max_migration": 1612565824, "worker_version": "2.3"},
		{"version": "7.9.0", "date": "2022-11-29", "max_migration": 1, "worker_version": "2.3"},
		{"version": "7.9.9", "date": "2022-11-30", "max_migration": 1, "worker_version": "2.4"},
		{"version": "8.3.0", "date": "2026-08-07", "max_migration": 1783024587, "worker_version": "3.0", "remark": "read from master"}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const refreshed = `{
  "source": "github.com/concourse/concourse",
  "date": "2026-10-01",
  "versions": [
    {"version":"7.1.0","date":"2021-03-11","max_migration":1612565824,"worker_version":"2.3"},
    {"version":"7.9.0","date":"2022-11-29","max_migration":1666743327,"worker_version":"2.4"},
    {"version":"7.10.0","date":"2023-07-18","max_migration":1666754000,"worker_version":"2.5"},
    {"version":"8.3.0","date":"2026-08-07","max_migration":1783024587,"worker_version":"3.0","remark":"read from master"}
  ]
}
`

func concourseClone(t *testing.T) *clone {
	c := newClone(t)
	c.release("v6.7.9", "2021-01-01", "2.2", "1600000000_old.up.sql")
	c.release("v7.1.0", "2021-03-11", "2.3", "1510262030_initial_schema.up.sql", "1510262030_initial_schema.down.sql", "1612565824_go.up.go")
	c.release("v7.10.0-rc.1", "2022-01-01", "2.4", "1640000000_tried.up.sql")
	c.git("2022-01-02T12:00:00Z", "rm", "--quiet", migrationsFolder+"1640000000_tried.up.sql")
	c.release("v7.9.0", "2022-11-29", "2.4", "1666743327_a.up.sql", "9999999999_only_down.down.sql")
	c.release("v7.10.0", "2023-07-18", "2.5", "1666754000_b.up.sql")
	c.release("verbose", "2024-01-01", "2.6")
	c.release("v8.0", "2024-01-01", "2.6")
	return c
}

func TestRefresh_printsWhatTheTagsSay(t *testing.T) {
	c := concourseClone(t)
	path := oldTable(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	if err := run(t.Context(), []string{"--repository", c.dir, "--table", path}, &out, &log, today); err != nil {
		t.Fatal(err)
	}
	if out.String() != refreshed {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), refreshed)
	}
	wantLog := "7.9.0 has other values now: worker version 2.3 → 2.4, migration 1 → 1666743327\n" +
		"7.9.9 has no tag any more, and is dropped\n" +
		"8.3.0 has no tag and is kept: read from master\n" +
		"7.10.0 is new: worker version 2.5, migration 1666754000\n"
	if log.String() != wantLog {
		t.Errorf("said:\n%s\nwant:\n%s", log.String(), wantLog)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the table was changed without --write (%v)", err)
	}
}

func TestRefresh_replacesTheTableWhenTold(t *testing.T) {
	c := concourseClone(t)
	path := oldTable(t)
	var out, log bytes.Buffer
	if err := run(t.Context(), []string{"--repository", c.dir, "--table", path, "--write"}, &out, &log, today); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != refreshed || out.Len() > 0 {
		t.Errorf("the table holds (%v):\n%s\nprinted: %s", err, text, out.String())
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files beside the table", len(files)-1)
	}
	// A tag takes the place of what was kept.
	c.release("v8.3.0", "2026-10-01", "3.0", "1783024588_c.up.sql")
	out.Reset()
	if err := run(t.Context(), []string{"--repository", c.dir, "--table", path}, &out, &log, today); err != nil {
		t.Fatal(err)
	}
	if want := `{"version":"8.3.0","date":"2026-10-01","max_migration":1783024588,"worker_version":"3.0"}`; !strings.Contains(out.String(), want) {
		t.Errorf("printed:\n%s\nwithout %s", out.String(), want)
	}
}

func TestRefresh_saysWhatItCannotRead(t *testing.T) {
	good := concourseClone(t)
	table := oldTable(t)
	bare := newClone(t)
	noWorker := newClone(t)
	noWorker.release("v8.0.0", "2026-01-10", "")
	noMigration := newClone(t)
	noMigration.release("v8.0.0", "2026-01-10", "2.5", "README.md")
	noFile := newClone(t)
	noFile.file("README.md", "")
	noFile.git("2026-01-10T12:00:00Z", "add", "--all")
	noFile.git("2026-01-10T12:00:00Z", "commit", "--quiet", "--message", "x")
	noFile.git("2026-01-10T12:00:00Z", "tag", "v8.0.0")
	broken := filepath.Join(t.TempDir(), "versions.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		args []string
		want string
	}{
		{"no repository", nil, "want --repository"},
		{"a word too many", []string{"--repository", good.dir, "--table", table, "x"}, "nothing else"},
		{"an unknown flag", []string{"--repo", good.dir}, "flag provided but not defined"},
		{"no clone", []string{"--repository", t.TempDir(), "--table", table}, "list the tags: git tag"},
		{"no tags", []string{"--repository", bare.dir, "--table", table}, "has none of 7.0.0 or later; fetch them with git fetch --tags"},
		{"nothing that high", []string{"--repository", good.dir, "--table", table, "--from", "9.0.0"}, "has none of 9.0.0 or later"},
		{"from what is not a version", []string{"--repository", good.dir, "--table", table, "--from", "8.x"}, `read --from "8.x"`},
		{"no worker version", []string{"--repository", noWorker.dir, "--table", table}, "read tag v8.0.0: versions.go sets no WorkerVersion"},
		{"no migration", []string{"--repository", noMigration.dir, "--table", table}, "read tag v8.0.0: atc/db/migration/migrations/ holds no migration"},
		{"no versions.go", []string{"--repository", noFile.dir, "--table", table}, "read tag v8.0.0: git show v8.0.0:versions.go"},
		{"no table", []string{"--repository", good.dir, "--table", table + ".gone"}, "read the table as it is"},
		{"a broken table", []string{"--repository", good.dir, "--table", broken}, "read the table as it is"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out, log bytes.Buffer
			err := run(t.Context(), c.args, &out, &log, today)
			if err == nil || !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
				t.Errorf("error = %v, want %q; printed %q", err, c.want, out.String())
			}
		})
	}
}

// The documented commands run, on a clone that is like Concourse's.
func TestRefresh_runsAsDocumented(t *testing.T) {
	c := concourseClone(t)
	shown, err := block.Of("../../..", "sh refresh")
	if err != nil {
		t.Fatal(err)
	}
	const program = "go run ./pkg/compatibility/refresh "
	runs := 0
	for _, b := range shown {
		for _, line := range b.Lines() {
			args, ok := strings.CutPrefix(line, program)
			if !ok {
				continue // the clone itself, which takes a network, and go test
			}
			runs++
			var out, log bytes.Buffer
			words := append(strings.Fields(strings.ReplaceAll(args, "/tmp/concourse", c.dir)), "--table", oldTable(t))
			if err := run(t.Context(), words, &out, &log, today); err != nil {
				t.Errorf("%s: %s: %v", b, line, err)
			}
			if printed := out.Len() > 0; printed == strings.Contains(line, "--write") {
				t.Errorf("%s: %s prints %q", b, line, out.String())
			}
		}
	}
	if runs != 2 {
		t.Errorf("%d runs are documented, want one that prints and one that writes", runs)
	}
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
)

// Where Concourse's repository says what the table holds.
const (
	versionsFile     = "versions.go"
	migrationsFolder = "atc/db/migration/migrations/"
)

var (
	workerVersion = regexp.MustCompile(`(?m)^\s*(?:var\s+)?WorkerVersion\s*=\s*"([0-9.]+)"`)
	// migrationNumber begins the names of SQL and of Go migrations:
	// 1746768931_add_signing_keys.up.sql, 1522178770_add_job_tags.up.go.
	migrationNumber = regexp.MustCompile(`^([0-9]+)_.*\.up\.(?:sql|go)$`)
)

// readTable reads the table as it is.
func readTable(path string) (compatibility.File, error) {
	var t compatibility.File
	text, err := os.ReadFile(path)
	if err != nil {
		return t, fmt.Errorf("read the table as it is: %w", err)
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return t, fmt.Errorf("read the table as it is: %s: %w", path, err)
	}
	return t, nil
}

// read makes a table of the tags of a clone that name final versions, lowest first.
func read(ctx context.Context, repository, from string) (compatibility.File, error) {
	lowest, err := semver.StrictNewVersion(from)
	if err != nil {
		return compatibility.File{}, fmt.Errorf("read --from %q: %w", from, err)
	}
	list, err := git(ctx, repository, "tag", "--list", "v*")
	if err != nil {
		return compatibility.File{}, fmt.Errorf("list the tags: %w", err)
	}
	var found []*semver.Version
	for _, tag := range strings.Fields(list) {
		v, err := semver.StrictNewVersion(strings.TrimPrefix(tag, "v"))
		if err != nil || v.Prerelease() != "" || v.Metadata() != "" || v.LessThan(lowest) {
			continue
		}
		found = append(found, v)
	}
	if len(found) == 0 {
		return compatibility.File{}, fmt.Errorf("list the tags: %s has none of %s or later; fetch them with git fetch --tags", repository, from)
	}
	slices.SortFunc(found, (*semver.Version).Compare)
	var t compatibility.File
	for _, v := range found {
		e, err := readTag(ctx, repository, v.String())
		if err != nil {
			return compatibility.File{}, fmt.Errorf("read tag v%s: %w", v, err)
		}
		t.Versions = append(t.Versions, e)
	}
	return t, nil
}

// readTag reads what the tag of a version says.
func readTag(ctx context.Context, repository, version string) (compatibility.Entry, error) {
	e := compatibility.Entry{Version: version}
	tag := "v" + version
	date, err := git(ctx, repository, "log", "-1", "--format=%cs", tag)
	if err != nil {
		return e, err
	}
	e.Date = strings.TrimSpace(date)
	source, err := git(ctx, repository, "show", tag+":"+versionsFile)
	if err != nil {
		return e, err
	}
	match := workerVersion.FindStringSubmatch(source)
	if match == nil {
		return e, fmt.Errorf("%s sets no WorkerVersion", versionsFile)
	}
	e.Worker = match[1]
	names, err := git(ctx, repository, "ls-tree", "--name-only", tag, migrationsFolder)
	if err != nil {
		return e, err
	}
	for _, path := range strings.Fields(names) {
		match := migrationNumber.FindStringSubmatch(strings.TrimPrefix(path, migrationsFolder))
		if match == nil {
			continue
		}
		number, err := strconv.ParseInt(match[1], 10, 64)
		if err != nil {
			return e, fmt.Errorf("read the number of %s: %w", path, err)
		}
		e.Migration = max(e.Migration, number)
	}
	if e.Migration == 0 {
		return e, fmt.Errorf("%s holds no migration", migrationsFolder)
	}
	return e, nil
}

// keep takes over what was read from elsewhere and has no tag still, and says what
// differs from the table as it was.
func keep(t *compatibility.File, old compatibility.File) (notes []string) {
	read := map[string]compatibility.Entry{}
	for _, e := range t.Versions {
		read[e.Version] = e
	}
	for _, e := range old.Versions {
		now, tagged := read[e.Version]
		switch {
		case tagged && (now.Worker != e.Worker || now.Migration != e.Migration):
			notes = append(notes, fmt.Sprintf("%s has other values now: worker version %s → %s, migration %d → %d", e.Version, e.Worker, now.Worker, e.Migration, now.Migration))
		case tagged:
		case e.Remark != "":
			t.Versions = append(t.Versions, e)
			notes = append(notes, fmt.Sprintf("%s has no tag and is kept: %s", e.Version, e.Remark))
		default:
			notes = append(notes, fmt.Sprintf("%s has no tag any more, and is dropped", e.Version))
		}
		delete(read, e.Version)
	}
	for _, e := range t.Versions {
		if _, added := read[e.Version]; added {
			notes = append(notes, fmt.Sprintf("%s is new: worker version %s, migration %d", e.Version, e.Worker, e.Migration))
		}
	}
	slices.SortFunc(t.Versions, func(a, b compatibility.Entry) int {
		x, errX := semver.NewVersion(a.Version)
		y, errY := semver.NewVersion(b.Version)
		if errX != nil || errY != nil {
			return cmp.Compare(a.Version, b.Version)
		}
		return x.Compare(y)
	})
	return notes
}

// git runs git in a clone and gives what it prints.
func git(ctx context.Context, repository string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", append([]string{"-C", repository}, args...)...) //nolint:gosec // a maintainer runs it, on a repository of theirs
	var out, problem bytes.Buffer
	command.Stdout, command.Stderr = &out, &problem
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.Join(strings.Fields(problem.String()), " "))
	}
	return out.String(), nil
}

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
)

// concourseModule is Concourse's own module. Its version and its worker version
// are variables of the root package: one source makes the web and the workers of
// any release.
const concourseModule = "github.com/concourse/concourse"

// concourseRelease is a Concourse that is built under the number of a release.
type concourseRelease struct {
	version string // "8.3.0"
	worker  string // its worker version: "3.0"
	module  string // below pkg/e2e, whose go.mod names the source: "concourse79"
}

// The sources: Concourse 7.14.0, the newest that the module proxy has, and 7.9.1,
// the newest of another schema and another worker version that it has.
const source714, source79 = ".", "concourse79"

// concourseReleases are those that can be built. A number beside its source's own stands
// for what the upgrade's way is chosen by: the worker version, and whether the
// database is migrated.
func concourseReleases() []concourseRelease {
	return []concourseRelease{
		{"7.6.0", "2.3", source79},
		{"7.9.1", "2.4", source79},
		{"7.13.2", "2.5", source79}, // it has the schema of 7.9.1
		{"7.14.0", "2.5", source714},
		{"7.14.1", "2.5", source714},
		{"8.2.5", "2.5", source714},
		{"8.3.0", "3.0", source714},
	}
}

// buildConcourse builds the program of a release.
func (t *tools) buildConcourse(ctx context.Context, version string) error {
	all := concourseReleases()
	at := slices.IndexFunc(all, func(r concourseRelease) bool { return r.version == version })
	if at < 0 {
		return fmt.Errorf("build Concourse %s: no source is known for it", version)
	}
	r := all[at]
	return t.goBuild(ctx, r.module, t.concourse(version), concourseModule+"/cmd/concourse",
		"-X "+concourseModule+".Version="+r.version+" -X "+concourseModule+".WorkerVersion="+r.worker)
}

// goBuild builds a program of a module below pkg/e2e. Go's own cache makes that
// short where nothing has changed.
func (t *tools) goBuild(ctx context.Context, module, out, pkg, flags string) error {
	t.say("build %s", filepath.Base(out))
	_, err := run(ctx, filepath.Join(t.root, "pkg/e2e", module), []string{"CGO_ENABLED=0"},
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w "+flags, "-o", out, pkg)
	return err
}

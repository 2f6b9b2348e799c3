// Package compatibility knows which Concourse versions go together: which worker
// version and which newest database migration each release has, and what follows
// from them for the order of an upgrade and for going back. It also knows what
// PostgreSQL they need.
//
// The table is part of the program and read from upstream's tags; what a running
// Concourse reports of itself counts before it. See the program in refresh for how
// the table is renewed.
package compatibility

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/Masterminds/semver/v3"
)

// Match is how the table knows a version.
type Match int

const (
	// Unknown is a version of a minor line that the table lacks: it counts as a new major.
	Unknown Match = iota
	// Exact is a version that is in the table.
	Exact
	// Line is a patch that the table lacks of a minor line that it has: it counts as the
	// newest of that line.
	Line
)

// String implements fmt.Stringer.
func (m Match) String() string {
	switch m {
	case Exact:
		return "exact"
	case Line:
		return "line"
	}
	return "unknown"
}

// Version is what is known of a Concourse version.
type Version struct {
	Version   string // "8.2.9", without a leading v and build metadata
	Migration int64  // the newest database migration, 1776182280; 0: unknown
	Worker    string // the worker version, "2.5"; "": unknown
	Match     Match
	As        string // the entry of the table that it counts as, "8.2.5"; "": none
}

//go:embed versions.json
var versionsText []byte

// File is the table as versions.json holds it.
type File struct {
	Source   string  `json:"source"`   // "github.com/concourse/concourse"
	Date     string  `json:"date"`     // of the reading, "2026-08-07"
	Versions []Entry `json:"versions"` // lowest first
}

// Entry is a release in the table.
type Entry struct {
	Version   string `json:"version"`          // "8.2.5"
	Date      string `json:"date"`             // "2026-08-02"
	Migration int64  `json:"max_migration"`    // 1776182280, what `concourse migrate --supported-db-version` prints
	Worker    string `json:"worker_version"`   // "2.5"
	Remark    string `json:"remark,omitempty"` // for readers
}

// table is the file, to look things up in.
type table struct {
	File
	exact  map[string]Entry // by version
	lines  map[string]Entry // the newest of each minor line, by "8.2"
	newest Entry
}

// versions is the table; tests read the file itself.
var versions = sync.OnceValue(func() table {
	t := table{exact: map[string]Entry{}, lines: map[string]Entry{}}
	_ = json.Unmarshal(versionsText, &t.File)
	for _, e := range t.Versions {
		v := parse(e.Version)
		if v == nil {
			continue
		}
		t.exact[plain(v)] = e
		if !newer(t.lines[line(v)].Version, e.Version) {
			t.lines[line(v)] = e
		}
		if !newer(t.newest.Version, e.Version) {
			t.newest = e
		}
	}
	return t
})

// Concourse is what the table knows of a version, which may have a leading v and build
// metadata.
func Concourse(version string) Version {
	v := parse(version)
	if v == nil {
		return Version{Version: strings.TrimSpace(version)}
	}
	if e, ok := versions().exact[plain(v)]; ok {
		return e.known(plain(v), Exact)
	}
	if e, ok := versions().lines[line(v)]; ok {
		return e.known(plain(v), Line)
	}
	return Version{Version: plain(v)}
}

func (e Entry) known(version string, m Match) Version {
	return Version{Version: version, Migration: e.Migration, Worker: e.Worker, Match: m, As: e.Version}
}

// Newest is the newest release of the table.
func Newest() Version { return Concourse(versions().newest.Version) }

// Source says where the table is from: "read from the tags of
// github.com/concourse/concourse on 2026-08-07".
func Source() string {
	t := versions()
	return fmt.Sprintf("read from the tags of %s on %s", t.Source, t.Date)
}

// Same says whether two versions are equal. It ignores build metadata, which a release's
// final version may carry.
func Same(a, b string) bool {
	va, errA := semver.NewVersion(a)
	vb, errB := semver.NewVersion(b)
	if errA != nil || errB != nil {
		return a == b
	}
	return va.Compare(vb) == 0
}

// parse reads a version; nil when it is none.
func parse(version string) *semver.Version {
	v, err := semver.NewVersion(strings.TrimSpace(version))
	if err != nil {
		return nil
	}
	return v
}

// plain is a version without a leading v and build metadata.
func plain(v *semver.Version) string {
	text := fmt.Sprintf("%d.%d.%d", v.Major(), v.Minor(), v.Patch())
	if v.Prerelease() != "" {
		text += "-" + v.Prerelease()
	}
	return text
}

// line is a version's minor line, "8.2".
func line(v *semver.Version) string { return fmt.Sprintf("%d.%d", v.Major(), v.Minor()) }

// newer says whether a is certainly newer than b; what is not a version never is, and
// nothing is newer than it.
func newer(a, b string) bool {
	va, vb := parse(a), parse(b)
	return va != nil && vb != nil && va.GreaterThan(vb)
}

// Package version orders the versions of BOSH releases, stemcells and programs as
// BOSH does: any number of numbers, then what comes before a version (-rc.1) and
// what was built from it (+dev.10). It is go-semi-semantic's order, with three
// differences: a development build is before its final version, so that it never
// takes the place of one; zeros in front of a number do not make a word of it; and
// what has words among its numbers is not a version.
package version

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	semi "github.com/cppforlife/go-semi-semantic/version"
)

// Version is one version.
type Version struct {
	release    []uint64            // 1 2 3 10
	pre, build semi.VersionSegment // rc.1, dev.10
}

// errNone says that a text is not a version.
var errNone = errors.New("want a version such as 8.2.5, 1.484 or 1.2.3.4-rc.1")

// maxLength bounds a version; those of GitHub's tags are foreign text.
const maxLength = 256

// Parse reads a version; a v in front of it does not matter.
func Parse(text string) (Version, error) {
	if len(text) > maxLength {
		return Version{}, errNone
	}
	rest, build, built := strings.Cut(strings.TrimPrefix(text, "v"), "+")
	release, pre, before := strings.Cut(rest, "-")
	var v Version
	for part := range strings.SplitSeq(release, ".") {
		n, err := strconv.ParseUint(part, 10, 63)
		if err != nil {
			return Version{}, fmt.Errorf("parse version %q: %w", text, errNone)
		}
		v.release = append(v.release, n)
	}
	var good [2]bool
	v.pre, good[0] = segment(pre, before)
	v.build, good[1] = segment(build, built)
	if !good[0] || !good[1] {
		return Version{}, fmt.Errorf("parse version %q: %w", text, errNone)
	}
	return v, nil
}

// Valid says whether a text can be read as a version.
func Valid(text string) bool {
	_, err := Parse(text)
	return err == nil
}

// segment reads what follows a - or a +.
func segment(text string, given bool) (s semi.VersionSegment, ok bool) {
	if !given {
		return s, true
	}
	for part := range strings.SplitSeq(text, ".") {
		if part == "" || strings.ContainsFunc(part, foreign) {
			return s, false
		}
		if n, err := strconv.ParseUint(part, 10, 63); err == nil {
			s.Components = append(s.Components, semi.VerSegCompInt{I: int(n)})
		} else {
			s.Components = append(s.Components, semi.VerSegCompStr{S: part})
		}
	}
	return s, true
}

// foreign says that a character has no place in a version.
func foreign(r rune) bool {
	switch {
	case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '-', r == '_':
		return false
	}
	return true
}

// Compare is negative where v is lower than other, 0 where both are one version, and
// positive otherwise.
func (v Version) Compare(other Version) int {
	if c := v.compareNumber(other); c != 0 {
		return c
	}
	if a, b := v.rank(), other.rank(); a != b {
		return a - b
	}
	return v.build.Compare(other.build)
}

// compareNumber compares without what was built from the versions.
func (v Version) compareNumber(other Version) int {
	for i := range max(len(v.release), len(other.release)) {
		if c := cmp.Compare(at(v.release, i), at(other.release, i)); c != 0 {
			return c
		}
	}
	switch {
	case v.pre.Empty() && other.pre.Empty():
		return 0
	case v.pre.Empty():
		return 1
	case other.pre.Empty():
		return -1
	}
	return v.pre.Compare(other.pre)
}

// at is a number of a version; those that are not there are 0.
func at(release []uint64, i int) uint64 {
	if i < len(release) {
		return release[i]
	}
	return 0
}

// rank puts builds of one number into their order: a development build is not final
// yet, any other build was made of what is final.
func (v Version) rank() int {
	switch {
	case v.build.Empty():
		return 1
	case v.build.Components[0] == semi.VerSegCompStr{S: "dev"}:
		return 0
	}
	return 2
}

// PreRelease says whether it is only on the way to a version, as 1.0.0-rc.1 is.
func (v Version) PreRelease() bool { return !v.pre.Empty() }

// Covers says whether other is this version, or a build of it where this one names no
// build.
func (v Version) Covers(other Version) bool {
	if v.build.Empty() {
		return v.compareNumber(other) == 0
	}
	return v.Compare(other) == 0
}

// semantic is the version among semantic ones, which have three numbers: what lies
// between 1.2.3 and 1.2.4 stays between them.
func (v Version) semantic() *semver.Version {
	var three [3]uint64
	copy(three[:], v.release)
	for _, n := range v.release[min(3, len(v.release)):] {
		if n != 0 {
			return semver.New(three[0], three[1], three[2]+1, "0", "")
		}
	}
	return semver.New(three[0], three[1], three[2], v.pre.AsString(), "")
}

package component

import (
	"errors"
	"fmt"
	"path"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/version"
)

// concourseRelease is the last part of the repository of Concourse's BOSH release, in
// forks and mirrors too.
const concourseRelease = "concourse-bosh-release"

// IsConcourse says whether a component is Concourse: its BOSH release under any name, or
// what is watched under the name of Concourse. The bundled manifest takes the release of
// that name, whatever repository it is from.
func (c Component) IsConcourse() bool {
	return c.Kind != KindStemcell && c.Kind != KindImage && (c.Name == "concourse" || path.Base(c.Upstream) == concourseRelease)
}

// DowngradeError is a component whose version is lower than the one that is deployed.
type DowngradeError struct {
	Name      string                        // "concourse"
	From, To  string                        // "8.3.0", "8.2.5"
	Concourse *compatibility.DowngradeError // what going back means; nil for other components
}

// Error says both versions, and of Concourse what going back needs.
func (e *DowngradeError) Error() string {
	if e.Forbidden() {
		return fmt.Sprintf("%s: %v", e.Name, e.Concourse)
	}
	return fmt.Sprintf("%s: %s is older than the %s that is deployed", e.Name, e.To, e.From)
}

// Forbidden says that allowing downgrades is not enough.
func (e *DowngradeError) Forbidden() bool { return e.Concourse != nil && e.Concourse.Forbidden() }

// Downgrade is the error of taking a component's version after another one; nil unless
// it is lower.
func (c Component) Downgrade(from string) *DowngradeError {
	if !Lower(c.Version, from) {
		return nil
	}
	e := &DowngradeError{Name: c.Name, From: from, To: c.Version}
	if c.IsConcourse() {
		errors.As(compatibility.Downgrade(from, c.Version), &e.Concourse)
	}
	return e
}

// Downgrades lists the components of a set that are lower than those of the same name
// and upstream in the deployed one. Versions of another upstream, such as another line
// of stemcells, do not compare.
func Downgrades(deployed, wanted []Component) []*DowngradeError {
	var list []*DowngradeError
	for _, c := range wanted {
		for _, d := range deployed {
			if d.Name != c.Name || d.Kind != c.Kind || d.Upstream != c.Upstream {
				continue
			}
			if e := c.Downgrade(d.Version); e != nil {
				list = append(list, e)
			}
		}
	}
	return list
}

// Lower says whether a version is certainly lower than another; what is not a version never
// is, and has nothing below it.
func Lower(text, than string) bool {
	a, errA := version.Parse(text)
	b, errB := version.Parse(than)
	return errA == nil && errB == nil && a.Compare(b) < 0
}

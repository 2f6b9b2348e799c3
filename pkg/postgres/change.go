package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Change is what a deploy makes of a database.
type Change struct {
	Group         string // "db"; "" for a database that is not a VM
	From, To      int    // majors, 16 and 17; 0: there is none, or nobody knows
	Release       string // version of postgres-release that the deploy takes, "54.0.5"; "" for a database that is not a VM
	ConcourseFrom string // "8.2.4"; "" for a first deploy
	ConcourseTo   string // "8.2.5"
	Unasked       bool   // nobody has asked for To: it is what the release deploys by itself
	Param         string // what errors say to give: "database.version", "params.vars.postgres_major"
}

// Compare says what becomes of the database when a manifest is deployed over another,
// which is empty for a first deploy. It is the zero Change where the manifest has none.
func Compare(deployed, wanted []byte, param string) (Change, error) {
	old := template.File{Name: "the deployed manifest", Text: deployed}
	next := template.File{Name: "the manifest", Text: wanted}
	from, _, err := In(old)
	if err != nil {
		return Change{}, err
	}
	to, found, err := In(next)
	if err != nil || !found {
		return Change{}, err
	}
	parsed, err := deployment.Parse(next) // In has parsed both
	if err != nil {
		return Change{}, err
	}
	before, err := deployment.Parse(old)
	if err != nil {
		return Change{}, err
	}
	return Change{
		Group: to.Group, From: from.Major, To: to.Major, Release: to.Release, Unasked: !to.Set,
		ConcourseFrom: before.Release("concourse"), ConcourseTo: parsed.Release("concourse"), Param: param,
	}, nil
}

// Major says whether it is an upgrade to another major.
func (c Change) Major() bool { return c.From > 0 && c.To > c.From }

// Problem says why it must not be done, and what to do instead; nil when nothing is
// against it.
func (c Change) Problem() error {
	switch {
	case c.To == 0 && c.From > 0 && c.Unasked:
		return fmt.Errorf("PostgreSQL is %d, and what postgres-release %s deploys by itself is not known; nothing was changed: set databases.version to %d", c.From, c.Release, c.From)
	case c.To < c.From && c.To > 0:
		return fmt.Errorf("PostgreSQL is %d and cannot become %d: its data cannot be read by an older one; nothing was changed: give %d as %s", c.From, c.To, c.From, c.Param)
	case c.Major() && c.Unasked:
		return fmt.Errorf("PostgreSQL would be upgraded from %d to %d, which postgres-release %s deploys by itself; nothing was changed: set databases.version to %d, and raise it in a step of its own",
			c.From, c.To, c.Release, c.From)
	case c.Major() && c.ConcourseFrom != c.ConcourseTo:
		return fmt.Errorf("PostgreSQL %d → %d is a step of its own, and Concourse would go from %s to %s in the same deploy; nothing was changed: deploy one of them first",
			c.From, c.To, c.ConcourseFrom, c.ConcourseTo)
	}
	if err := c.binaries(); err != nil {
		return err
	}
	if err := compatibility.PostgresProblem(c.ConcourseFrom, c.ConcourseTo, c.To); err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	return nil
}

// binaries says that the release lacks the programs of a major: pg_upgrade needs those
// of both.
func (c Change) binaries() error {
	has := Majors(c.Release)
	for _, major := range []int{c.From, c.To} {
		if major > 0 && len(has) > 0 && !slices.Contains(has, major) {
			return fmt.Errorf("postgres-release %s has PostgreSQL %s, not %d; nothing was changed: take a version of the release that has it",
				c.Release, list(has), major)
		}
	}
	return nil
}

// String says what a major upgrade is, for those who plan or do it; "" of any other change.
func (c Change) String() string {
	if !c.Major() {
		return ""
	}
	what := fmt.Sprintf("PostgreSQL %d → %d is a major upgrade: ", c.From, c.To)
	if c.Release == "" {
		return what + "RDS takes a snapshot first, then the database is away for some minutes, and Concourse with it: builds that run meanwhile may fail; the only way back is that snapshot"
	}
	return what + fmt.Sprintf("the data is copied, for which the persistent disk of %s may be at most %d%% full; the database is away meanwhile, and Concourse with it: builds that run then may fail; "+
		"the only way back is a backup, or the old data in /var/vcap/store/postgres/postgres-previous", c.Group, Most)
}

// Most is how full the persistent disk may be before a major upgrade, in percent: the
// data is copied on it.
const Most = 45

// Room says whether a persistent disk has room for the copy. It counts what is on the
// disk: also the copy that the last upgrade has left.
func (c Change) Room(percent int) error {
	if percent <= Most {
		return nil
	}
	return fmt.Errorf("PostgreSQL %d → %d copies the data, and the persistent disk of %s is %d%% full, where at most %d%% may be; nothing was changed: give it a larger disk first, or remove what the last upgrade has left in /var/vcap/store/postgres/postgres-previous",
		c.From, c.To, c.Group, percent, Most)
}

// Majors are the majors of PostgreSQL that a version of postgres-release has, as its
// release manifests list the packages postgres-15 and so on; nil where it is not known.
func Majors(release string) []int {
	v, err := semver.NewVersion(release)
	switch {
	case err != nil:
		return nil
	case v.Major() == 54:
		return []int{15, 16, 17}
	case v.Major() >= 55 && v.Major() <= 57:
		return []int{15, 16, 17, 18}
	}
	return nil
}

// list writes numbers as people do: "15, 16 and 17".
func list(numbers []int) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(n)
	}
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

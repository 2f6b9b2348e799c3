package compatibility_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
)

func TestPostgresDefault_followsTheReleases(t *testing.T) {
	cases := []struct {
		release string
		major   int
	}{
		{"57.0.0", 18}, {"56.0.4", 18}, {"55.0.0", 18}, {"55", 18},
		{"54.0.5", 16}, {"v54.0.5", 16}, {"54.0.0", 16}, {"53.1.3", 16}, {"50", 16},
		{"49", 15}, {"45", 15}, {"44", 11}, {"32", 11},
		{"31", 0}, {"1", 0}, {"", 0}, {"latest", 0},
	}
	for _, c := range cases {
		if major, known := compatibility.PostgresDefault(c.release); major != c.major || known != (c.major > 0) {
			t.Errorf("PostgresDefault(%q) = %d, %v; want %d", c.release, major, known, c.major)
		}
	}
}

func TestPostgresProblem_namesWhatIsMissing(t *testing.T) {
	const pgcrypto, tooNew = "needs the extension pgcrypto, which the owner of a database may create from PostgreSQL 13 on", "needs Concourse 8.2.5 or later"
	cases := []struct {
		from, to string
		major    int
		want     string // "" for no problem
	}{
		{"7.14.3", "8.0.0", 12, pgcrypto}, {"7.14.3", "8.2.5", 11, pgcrypto}, {"", "8.2.5", 12, pgcrypto}, {"7.9.1", "8.0.0-rc.1", 12, pgcrypto},
		{"7.14.3", "8.0.0", 13, ""}, {"7.14.3", "8.2.5", 16, ""}, {"8.0.0", "8.2.5", 12, ""}, {"7.9.1", "7.14.3", 11, ""}, {"", "7.14.3", 9, ""},
		{"8.2.4", "8.2.5", 18, ""}, {"", "8.3.0", 18, ""}, {"8.2.5", "8.3.0", 19, ""},
		{"8.2.3", "8.2.4", 18, tooNew}, {"", "7.14.3", 18, tooNew}, {"8.2.5", "8.2.4", 19, tooNew}, {"8.2.4", "8.2.5-rc.1", 18, tooNew},
		{"8.2.3", "8.2.4", 17, ""}, {"7.14.3", "8.2.5", 0, ""}, {"7.14.3", "8.2.4", -1, ""}, {"7.14.3", "banana", 18, ""},
	}
	for _, c := range cases {
		err := compatibility.PostgresProblem(c.from, c.to, c.major)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q → %q on PostgreSQL %d: %v, want %q", c.from, c.to, c.major, err, c.want)
		}
	}
}

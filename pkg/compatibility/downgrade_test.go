package compatibility_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
)

// downgrade is the error of going back, which there must be.
func downgrade(t *testing.T, from, to string) *compatibility.DowngradeError {
	t.Helper()
	var down *compatibility.DowngradeError
	if err := compatibility.Downgrade(from, to); !errors.As(err, &down) {
		t.Fatalf("Downgrade(%q, %q) = %v, want an error of its own", from, to, err)
	}
	return down
}

func TestDowngrade_isNoneWhereNothingIsLower(t *testing.T) {
	for _, c := range [][2]string{
		{"8.2.5", "8.2.5"}, {"8.2.5", "8.3.0"}, {"8.2.5", "v8.2.5"}, {"8.2.5+dev.2", "8.2.5+dev.1"}, {"8.3.0-rc.1", "8.3.0"},
		{"7.4.2", "7.4.3"}, // a lower migration, but a higher version
		{"8.2.5", "99.0.0"}, {"", "8.2.5"}, {"8.2.5", ""}, {"banana", "8.2.5"}, {"8.2.5", "banana"},
	} {
		if err := compatibility.Downgrade(c[0], c[1]); err != nil {
			t.Errorf("Downgrade(%q, %q) = %v", c[0], c[1], err)
		}
	}
}

func TestDowngrade_saysWhatGoingBackNeeds(t *testing.T) {
	cases := []struct {
		name, from, to         string
		migration, workerMajor bool
		unknown                string
		forbidden              bool
		want                   []string // parts of the message
	}{
		{name: "equal schema", from: "8.2.5", to: "8.2.1", want: []string{
			"Concourse 8.2.1 is older than the 8.2.5 that is deployed", "needs only to be allowed (allow_downgrade)"}},
		{name: "equal schema, another worker minor", from: "7.10.0", to: "7.9.1", want: []string{"7.9.1", "7.10.0", "allow_downgrade"}},
		{name: "a patch that the table lacks", from: "8.2.9", to: "8.2.5", want: []string{"8.2.5", "8.2.9", "allow_downgrade"}},
		{name: "as written on labels", from: "v8.2.5", to: "8.2.4+dev.3", want: []string{"Concourse 8.2.4 is older than the 8.2.5"}},
		{name: "a pre-release of the same", from: "8.2.5", to: "8.2.5-rc.1", want: []string{"8.2.5-rc.1 is older than the 8.2.5"}},
		{name: "migration", from: "7.14.0", to: "7.9.1", migration: true, forbidden: true, want: []string{
			"Concourse 7.9.1 is older than the 7.14.0 that is deployed, and is never deployed over it",
			"the web node of 7.9.1 starts on the database schema of 7.14.0, looks healthy and schedules nothing",
			"migrated down to 1666754000 by the program of 7.14.0, or restored from a snapshot that was taken before the upgrade"}},
		{name: "migration and worker major", from: "8.3.0", to: "8.2.5", migration: true, workerMajor: true, forbidden: true, want: []string{
			"8.2.5", "8.3.0", "worker version 3.0 → 2.5 is another major", "migrated down to 1776182280", "all workers replaced with the web node, while no build runs"}},
		{name: "other migration, higher", from: "7.4.3", to: "7.4.2", migration: true, forbidden: true, want: []string{"1627322257"}},
		{name: "from an unknown one", from: "99.0.0", to: "8.2.5", unknown: "99.0.0", forbidden: true, want: []string{
			"8.2.5", "the table of versions (" + compatibility.Source() + ") does not know 99.0.0", "migrated down to 1776182280 by the program of 99.0.0"}},
		{name: "to an unknown one", from: "8.2.5", to: "6.7.9", unknown: "6.7.9", forbidden: true, want: []string{
			"does not know 6.7.9", "migrated down to the schema of 6.7.9"}},
		{name: "both unknown", from: "99.1.0", to: "99.0.0", unknown: "99.1.0 99.0.0", forbidden: true, want: []string{"does not know 99.1.0 and 99.0.0"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			down := downgrade(t, c.from, c.to)
			if down.Migration != c.migration || down.WorkerMajor != c.workerMajor || strings.Join(down.Unknown, " ") != c.unknown || down.Forbidden() != c.forbidden {
				t.Errorf("error = %+v", down)
			}
			for _, part := range c.want {
				if !strings.Contains(down.Error(), part) {
					t.Errorf("%q lacks %q", down.Error(), part)
				}
			}
			if strings.Contains(down.Error(), "\n") || c.forbidden == strings.Contains(down.Error(), "allow_downgrade") {
				t.Errorf("message: %s", down.Error())
			}
		})
	}
}

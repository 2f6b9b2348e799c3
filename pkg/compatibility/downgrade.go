package compatibility

import (
	"fmt"
	"strings"
)

// DowngradeError is a Concourse version that is lower than the one that is deployed.
type DowngradeError struct {
	From, To string // "8.2.5", "7.14.0"
	// Migration says that the two have other newest database migrations: the older one
	// starts on the newer schema, answers, and schedules nothing.
	Migration bool
	// WorkerMajor says that the two have other majors of the worker version.
	WorkerMajor bool
	Unknown     []string // the versions that the table lacks

	from, to Version
}

// Downgrade is nil unless to is lower than from; pre-releases are lower than their
// release. Its error is a *DowngradeError.
func Downgrade(from, to string) error {
	if !newer(from, to) {
		return nil
	}
	a, b := Concourse(from), Concourse(to)
	e := &DowngradeError{From: a.Version, To: b.Version, from: a, to: b}
	for _, v := range []Version{a, b} {
		if v.Match == Unknown {
			e.Unknown = append(e.Unknown, v.Version)
		}
	}
	if len(e.Unknown) == 0 {
		e.Migration = a.Migration != b.Migration
		e.WorkerMajor = readLevel(a.Worker).major != readLevel(b.Worker).major
	}
	return e
}

// Forbidden says that allowing downgrades is not enough.
func (e *DowngradeError) Forbidden() bool {
	return e.Migration || e.WorkerMajor || len(e.Unknown) > 0
}

// Error says both versions and what going back would need.
func (e *DowngradeError) Error() string {
	from, to := e.From, e.To
	if !e.Forbidden() {
		return fmt.Sprintf("Concourse %s is older than the %s that is deployed; both have the same database schema and worker major, so going back needs only to be allowed (allow_downgrade)", to, from)
	}
	var why, needs []string
	if len(e.Unknown) > 0 {
		why = append(why, fmt.Sprintf("the table of versions (%s) does not know %s, so neither whether the database schema is the same", Source(), strings.Join(e.Unknown, " and ")))
	}
	if e.Migration {
		why = append(why, fmt.Sprintf("the web node of %s starts on the database schema of %s, looks healthy and schedules nothing", to, from))
	}
	if e.WorkerMajor {
		why = append(why, fmt.Sprintf("worker version %s → %s is another major", e.from.Worker, e.to.Worker))
	}
	if e.Migration || len(e.Unknown) > 0 {
		target := "the schema of " + to
		if e.to.Migration != 0 {
			target = fmt.Sprintf("%d", e.to.Migration)
		}
		needs = append(needs, fmt.Sprintf("with every web node stopped, the database migrated down to %s by the program of %s, or restored from a snapshot that was taken before the upgrade", target, from))
	}
	if e.WorkerMajor || len(e.Unknown) > 0 {
		needs = append(needs, "all workers replaced with the web node, while no build runs")
	}
	return fmt.Sprintf("Concourse %s is older than the %s that is deployed, and is never deployed over it: %s; going back needs %s",
		to, from, strings.Join(why, "; "), strings.Join(needs, ", and "))
}

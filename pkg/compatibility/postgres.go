package compatibility

import "fmt"

// PostgresDefault is the major of PostgreSQL that a version of
// github.com/cloudfoundry/postgres-release deploys where its property
// databases.version is not set.
func PostgresDefault(release string) (major int, known bool) {
	v := parse(release)
	switch {
	case v == nil:
		return 0, false
	case v.Major() >= 55:
		return 18, true
	case v.Major() == 54:
		return 16, true
	}
	return 0, false
}

// PostgresProblem says why an upgrade of Concourse cannot run on a major of PostgreSQL;
// nil when it can, or when the major is not known (0). concourseFrom is empty for a first
// install.
func PostgresProblem(concourseFrom, concourseTo string, postgresMajor int) error {
	to := parse(concourseTo)
	if to == nil || postgresMajor == 0 {
		return nil
	}
	from := parse(concourseFrom)
	if to.Major() >= 8 && (from == nil || from.Major() < 8) && postgresMajor < 13 {
		return fmt.Errorf("Concourse %s needs the extension pgcrypto, which the owner of a database can create from PostgreSQL 13 on; the database has %d: upgrade PostgreSQL first", plain(to), postgresMajor)
	}
	if postgresMajor >= 18 && newer("8.2.5", plain(to)) {
		return fmt.Errorf("PostgreSQL %d needs Concourse 8.2.5 or later; %s is older: stay with PostgreSQL 17 or an older one, or upgrade Concourse first", postgresMajor, plain(to))
	}
	return nil
}

package compatibility

import "fmt"

// postgresDefaults are the first releases of github.com/cloudfoundry/postgres-release
// whose default is another major of PostgreSQL, newest first: from the repository's
// versions.yml (up to 44), from the maintainers' words in its issue 74 (45 to 49) and in
// cf-deployment's pull request 1183 (50), and from its pull request 90 (55, the first
// release with PostgreSQL 18 in it). Before 32 it was 9.6 and 9.4.
var postgresDefaults = []struct {
	release uint64
	major   int
}{{55, 18}, {50, 16}, {45, 15}, {32, 11}}

// PostgresDefault is the major of PostgreSQL that a version of
// github.com/cloudfoundry/postgres-release deploys where its property
// databases.version is not set.
func PostgresDefault(release string) (major int, known bool) {
	v := parse(release)
	if v == nil {
		return 0, false
	}
	for _, d := range postgresDefaults {
		if v.Major() >= d.release {
			return d.major, true
		}
	}
	return 0, false
}

const (
	// pgcryptoFrom is the first major of PostgreSQL in which a database's owner may
	// create the extension pgcrypto, with which the migration of Concourse 8.0 hashes.
	pgcryptoFrom = 13
	// On PostgreSQL 18 Concourse before 8.2.5 fails to clean up its caches of resources.
	newestForAll    = 17
	newestForAllEnd = "8.2.5"
)

// PostgresProblem says why an upgrade of Concourse cannot run on a major of PostgreSQL;
// nil when it can, or when the major is not known (0). concourseFrom is empty for a first
// install.
func PostgresProblem(concourseFrom, concourseTo string, postgresMajor int) error {
	from, to := parse(concourseFrom), parse(concourseTo)
	if to == nil || postgresMajor <= 0 {
		return nil
	}
	if postgresMajor < pgcryptoFrom && to.Major() >= 8 && (from == nil || from.Major() < 8) {
		return fmt.Errorf("Concourse %s needs the extension pgcrypto, which the owner of a database may create from PostgreSQL %d on, and the database is PostgreSQL %d: upgrade PostgreSQL first",
			plain(to), pgcryptoFrom, postgresMajor)
	}
	if postgresMajor > newestForAll && newer(newestForAllEnd, plain(to)) {
		return fmt.Errorf("PostgreSQL %d needs Concourse %s or later, and %s is older: keep PostgreSQL at %d or below, or choose a newer Concourse",
			postgresMajor, newestForAllEnd, plain(to), newestForAll)
	}
	return nil
}

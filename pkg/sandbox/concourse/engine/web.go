package engine

import (
	"github.com/Masterminds/semver/v3"
	"github.com/concourse/concourse/atc"
)

// hashMigration is the migration of Concourse 8.0 that turns the hashes of
// versions from MD5 to SHA-256.
const hashMigration = 1747084615

// Release is a version of Concourse, as far as web and workers tell them apart.
type Release struct {
	Version string // 8.3.0
	Worker  string // worker version: 3.0
	// Migration is the newest of the database that the release knows, what
	// `concourse migrate --supported-db-version` prints: 1783024587. 0 is a release
	// that never migrates and takes any schema.
	Migration int64
}

// The states of the web node. Only one that answers has a gateway for workers.
const (
	answering = iota
	migrating // its process runs
	stopped
)

// web is the web node and what its database remembers.
type web struct {
	Release Release
	state   int
	starts  int   // counts starts and stops: a migration ends only the start it belongs to
	schema  int64 // the newest migration that any release has run
	sha256  bool  // whether versions are hashed with SHA-256
}

// SetVersion makes the web node be of a release that needs no migration; see
// SetRelease.
func (s *Engine) SetVersion(release, workerVersion string) {
	s.SetRelease(Release{Version: release, Worker: workerVersion})
}

// SetRelease upgrades the web node: what its next start runs, or what answers
// from now on if it is not stopped. Workers of an older worker version, or of
// another major, take no new containers until they are of its too. Its database
// remembers the newest migration that any release has run at a start: a web that
// knows only older ones starts, answers, and schedules nothing.
func (s *Engine) SetRelease(r Release) {
	s.Lock()
	defer s.Unlock()
	s.Web.Release = r
	if s.Web.state == answering {
		s.migrated()
	}
	s.Record(Event{Kind: KindUpgrade, Version: r.Version})
}

// Stop makes the web node go away: connections are cut, and workers have no
// gateway. Builds go on, for their containers are the workers'; tokens stay
// valid, for they are in the database.
func (s *Engine) Stop() {
	s.Lock()
	defer s.Unlock()
	s.Web.state = stopped
	s.Web.starts++
	s.Record(Event{Kind: KindStop})
	if s.Options.Reconnect > 0 {
		start := s.Web.starts
		s.Options.AfterFunc(s.Options.Reconnect, func() {
			s.Lock()
			defer s.Unlock()
			if s.Web.starts == start {
				s.abandon()
			}
		})
	}
}

// Restart brings a stopped web node back; its migrations take no time. It looks
// for its running builds again and goes through their plans from the start: one
// without a worker that takes containers at that moment errors, whatever its
// steps have done.
func (s *Engine) Restart() {
	s.Lock()
	defer s.Unlock()
	s.answer()
}

// Migrate starts a stopped web node whose migrations last until a channel is
// closed: its process runs, but neither API nor gateway answers, and workers that
// drain leave with their builds. It gives a channel that is closed when the web
// answers. Without a migration to run that is at once; when the web is stopped
// meanwhile, never.
func (s *Engine) Migrate(until <-chan struct{}) (answers <-chan struct{}) {
	s.Lock()
	defer s.Unlock()
	done := make(chan struct{})
	if s.Web.Release.Migration <= s.Web.schema {
		s.answer()
		close(done)
		return done
	}
	s.Web.state = migrating
	s.Web.starts++
	s.Record(Event{Kind: KindMigrate, Version: s.Web.Release.Version})
	s.abandon()
	start := s.Web.starts
	go func() {
		<-until
		s.Lock()
		defer s.Unlock()
		if s.Web.starts == start {
			s.answer()
			close(done)
		}
	}()
	return done
}

// Schedules says whether the web node answers and starts builds.
func (s *Engine) Schedules() bool {
	s.Lock()
	defer s.Unlock()
	return s.schedules()
}

// Hash names the hash under which the database keeps the versions of resources:
// md5, or sha256 once any web of 8.x has run. A version that a new scope of a
// resource config finds under the other hash is new to every job.
func (s *Engine) Hash() string {
	s.Lock()
	defer s.Unlock()
	if s.Web.sha256 {
		return "sha256"
	}
	return "md5"
}

// answer starts the web node. The caller holds the lock, as below.
func (s *Engine) answer() {
	s.Web.state = answering
	s.Web.starts++
	s.migrated()
	s.Record(Event{Kind: KindRestart})
	for _, b := range s.Builds {
		if b.status == atc.StatusStarted {
			b.track()
		}
	}
	s.Schedule()
}

// migrated notes what the web's release has done to the database.
func (s *Engine) migrated() {
	r := s.Web.Release
	s.Web.schema = max(s.Web.schema, r.Migration)
	if r.Migration >= hashMigration || r.Migration == 0 && s.AtLeast("8.0.0") {
		s.Web.sha256 = true
	}
}

// schedules says whether the web starts builds. On a newer schema its queries
// fail: "column i.version_md5 does not exist".
func (s *Engine) schedules() bool {
	r := s.Web.Release
	return s.Web.state == answering && (r.Migration == 0 || r.Migration >= s.Web.schema)
}

// abandon is what workers that drain do without a gateway.
func (s *Engine) abandon() {
	for _, w := range s.Workers {
		if w.State == landing || w.State == retiring {
			s.leave(w)
		}
	}
}

// AtLeast says whether the web's release is a version or a later one.
func (s *Engine) AtLeast(version string) bool {
	have, err := semver.NewVersion(s.Web.Release.Version)
	return err == nil && !have.LessThan(semver.MustParse(version))
}

// Answers says whether the web node answers.
func (s *Engine) Answers() bool { return s.Web.state == answering }

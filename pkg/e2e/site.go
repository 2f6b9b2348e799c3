package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// site is one Concourse with everything around it: a database, a web, workers,
// and the director that deploys them. Sites run beside each other.
type site struct {
	options  siteOptions
	dir      string
	tools    *tools
	images   *images
	launcher *launcher
	line     *timeline
	secrets  secrets

	nets    []*namespace
	db      *database
	web     *web
	workers []*worker
	slots   slots
	world   *world
	account *account // nil: Concourse has its credentials from a list
	api     *api     // as the operator, in the pipeline's team
	record  *recorder

	background sync.WaitGroup
	cancel     context.CancelFunc
}

// siteOptions say what a site is like. The zero value of a field is its default.
type siteOptions struct {
	number    int               // from 1; names, addresses and files differ by it
	workers   int               // default 2
	from, to  string            // releases of Concourse; default 7.14.0 and 7.14.1
	basicAuth bool              // of the director, instead of a UAA
	owner     bool              // whether the pipeline's user is an owner of the team main
	ownTeam   bool              // the pipeline has a team of its own, and its credentials in SSM
	web       map[string]string // more of the web's settings: {"ENABLE_REDACT_SECRETS": "false"}
	// drainTimeout is drain_timeout of the deployment; default 3 minutes.
	drainTimeout time.Duration
}

// secrets are a site's credentials, different ones in each run.
type secrets struct {
	user           string // of Concourse, as the pipeline logs in
	atc            string // its password
	directorClient string
	director       string // its secret
	github         string
	manifest       map[string]string // those of the deployment, by variable
}

func newSecrets() (secrets, error) {
	var failed error
	made := func(name string) string {
		random := make([]byte, 12)
		if _, err := rand.Read(random); err != nil {
			failed = err
		}
		return "canary-" + name + "-" + hex.EncodeToString(random)
	}
	s := secrets{
		user: pipelineUser, atc: made("atc"), directorClient: "ci", director: made("director"), github: made("github"),
		manifest: map[string]string{},
	}
	for _, name := range []string{"postgres_password", "encryption_key", "tsa_host_key", "worker_private_key", "private_key", "local_user"} {
		s.manifest[name] = made(name)
	}
	return s, failed
}

// values are all of them.
func (s secrets) values() map[string]string {
	all := map[string]string{"atc_password": s.atc, "director_client_secret": s.director, "github_token": s.github}
	for name, value := range s.manifest {
		all[name] = value
	}
	return all
}

// credentials are what the pipeline's placeholders stand for, as Concourse's
// credential manager for tests takes them: NAME=YAML.
func (s *site) credentials() []string {
	return []string{
		"director_client_secret=" + strconv.Quote(s.secrets.director), "director_password=" + strconv.Quote(s.secrets.director),
		"director_ca_cert=" + strconv.Quote(s.world.ca),
		"atc_password=" + strconv.Quote(s.secrets.atc),
		"github_token=" + strconv.Quote(s.secrets.github),
	}
}

// team is the one that has the pipeline.
func (s *site) team() string {
	if s.options.ownTeam {
		return manifest.PipelineTeam
	}
	return mainTeam
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// address is that of the machine as the site's workers and containers see it.
func (s *site) address() string { return s.nets[0].outside }

// newSite makes a site on which nothing is deployed yet: the database and the
// world's simulators run, web and workers start when the director deploys them.
func newSite(ctx context.Context, t *tools, set *images, l *launcher, line *timeline, o siteOptions) (*site, error) {
	if o.workers == 0 {
		o.workers = 2
	}
	if o.drainTimeout == 0 {
		o.drainTimeout = 3 * time.Minute
	}
	o.from, o.to = cmp.Or(o.from, oldConcourse), cmp.Or(o.to, newConcourse)
	ctx, cancel := context.WithCancel(ctx)
	s := &site{options: o, dir: filepath.Join(t.work, "site-"+strconv.Itoa(o.number)), tools: t, images: set, launcher: l, line: line, cancel: cancel}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *site) begin(ctx context.Context) error {
	var err error
	if s.secrets, err = newSecrets(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	for index := range s.options.workers {
		net, err := newNamespace(ctx, s.options.number, index)
		if err != nil {
			return err
		}
		s.nets = append(s.nets, net)
		s.workers = append(s.workers, &worker{site: s, name: fmt.Sprintf("worker-%d", index), net: net})
	}
	if s.db, err = startDatabase(ctx, s.launcher, s.dir, s.options.number); err != nil {
		return err
	}
	if s.world, err = startWorld(ctx, s); err != nil {
		return err
	}
	if s.options.ownTeam {
		if s.account, err = startAccount(ctx, s); err != nil {
			return err
		}
	}
	if s.web, err = newWeb(ctx, s); err != nil {
		return err
	}
	s.api = newAPI(s.web.url(), flyUser, flyPassword).in(s.team())
	journal, err := s.db.journal(ctx)
	if err != nil {
		return err
	}
	s.record = newRecorder(s, journal)
	s.background.Go(func() { s.record.run(ctx) })
	s.background.Go(func() { s.web.watch(ctx) })
	return nil
}

// close ends and removes everything of the site; its logs stay where they are.
func (s *site) close(ctx context.Context) error {
	s.cancel()
	s.background.Wait()
	var errs []error
	if s.world != nil {
		s.world.close()
	}
	if s.account != nil {
		errs = append(errs, s.account.close())
	}
	for _, w := range s.workers {
		w.kill()
	}
	if s.web != nil && s.web.process != nil {
		s.web.process.stop(ctx, time.Second)
	}
	if s.db != nil {
		s.db.close(ctx)
	}
	for _, net := range s.nets {
		errs = append(errs, net.remove(ctx))
	}
	for _, w := range s.workers {
		errs = append(errs, os.RemoveAll(w.dir()))
	}
	return errors.Join(append(errs, os.RemoveAll(s.path("postgres")))...)
}

// pipelineNow is the pipeline as it is set, nothing where there is none.
func (s *site) pipelineNow(ctx context.Context) config {
	if s.record.first("running", s.workers[0].name, time.Time{}).IsZero() {
		return config{} // Concourse is not there yet
	}
	found, err := s.api.config(ctx, pipelineName)
	if err != nil {
		s.line.add("NOT SEEN", "the pipeline at the time of the deploy: %v", err)
	}
	return found
}

package concourse

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/concourse/concourse/atc"
	"sigs.k8s.io/yaml"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/config"
)

// pipeline is one that was set.
type pipeline struct {
	id      int
	team    string
	ref     atc.PipelineRef
	config  atc.Config
	extra   config.Novelties
	version int
	pause
	archived bool
	updated  time.Time
	jobs     []*job // in the order in which they were first set: their ids' order
}

// pause is that of a pipeline or of a job.
type pause struct {
	paused bool
	by     string // who paused it
	at     time.Time
}

// unix is when it was paused, as the API says it.
func (p pause) unix() int64 {
	if p.at.IsZero() {
		return 0
	}
	return p.at.Unix()
}

// job is one that the pipeline has, or had.
type job struct {
	id   int
	name string
	pause
}

// job finds a job of a pipeline.
func (p *pipeline) job(name string) *job {
	for _, j := range p.jobs {
		if j.name == name {
			return j
		}
	}
	return nil
}

// errStale has the text of atc/db.ErrConfigComparisonFailed.
var errStale = errors.New("comparison with existing config failed during save")

// SetPipeline sets a pipeline behind the API's back, as another user would,
// whatever its config version, and gives the new one. It fails on what Concourse
// would refuse.
func (s *engine) SetPipeline(team, name string, instanceVars map[string]any, text []byte) (configVersion int, err error) {
	s.Lock()
	defer s.Unlock()
	cfg, extra, err := config.Parse(text, s.atLeast)
	if err != nil {
		return 0, fmt.Errorf("malformed config: %w", err)
	}
	if _, problems := config.Validate(cfg); len(problems) > 0 {
		return 0, errors.New(strings.Join(problems, "\n"))
	}
	ref := atc.PipelineRef{Name: name}
	if len(instanceVars) > 0 {
		ref.InstanceVars = instanceVars
	}
	from := 0
	if p := s.pipeline(team, ref); p != nil {
		from = p.version
	}
	p, _, err := s.save(team, ref, cfg, extra, from)
	if err != nil {
		return 0, err
	}
	return p.version, nil
}

// Pause pauses a pipeline as a user does. It fails when there is no such pipeline.
func (s *engine) Pause(team, name, user string) error {
	s.Lock()
	defer s.Unlock()
	p := s.pipeline(team, atc.PipelineRef{Name: name})
	if p == nil {
		return fmt.Errorf("pause %s/%s: no such pipeline", team, name)
	}
	s.pause(p, user)
	return nil
}

// Unpause lets a pipeline's jobs run. It fails when there is no such pipeline.
func (s *engine) Unpause(team, name string) error {
	s.Lock()
	defer s.Unlock()
	p := s.pipeline(team, atc.PipelineRef{Name: name})
	if p == nil {
		return fmt.Errorf("unpause %s/%s: no such pipeline", team, name)
	}
	s.unpause(p, "")
	return nil
}

// Archive takes a pipeline's config away, as Concourse does when the pipeline
// whose step has set it no longer does. It fails when there is no such pipeline.
func (s *engine) Archive(team, name string) error {
	s.Lock()
	defer s.Unlock()
	p := s.pipeline(team, atc.PipelineRef{Name: name})
	if p == nil {
		return fmt.Errorf("archive %s/%s: no such pipeline", team, name)
	}
	s.archive(p)
	return nil
}

// pause is pipeline.Pause of atc/db: who paused first stays the one who did.
func (s *engine) pause(p *pipeline, user string) {
	if !p.paused {
		p.pause = pause{paused: true, by: user, at: s.options.Now()}
	}
	s.record(Event{Kind: KindPause, User: user, Team: p.team, Pipeline: p.ref.String(), ConfigVersion: p.version})
}

func (s *engine) unpause(p *pipeline, user string) {
	p.pause = pause{}
	s.record(Event{Kind: KindUnpause, User: user, Team: p.team, Pipeline: p.ref.String(), ConfigVersion: p.version})
	s.schedule()
}

func (s *engine) archive(p *pipeline) {
	p.archived, p.version, p.updated = true, 0, s.options.Now()
	p.pause = pause{paused: true, by: "automatic-pipeline-archiver", at: p.updated}
	s.record(Event{Kind: KindArchive, Team: p.team, Pipeline: p.ref.String()})
}

// pipeline finds a pipeline; instance vars are equal when their JSON is.
func (s *engine) pipeline(team string, ref atc.PipelineRef) *pipeline {
	for _, p := range s.pipelines {
		if p.team == team && p.ref.Name == ref.Name && sameJSON(p.ref.InstanceVars, ref.InstanceVars) {
			return p
		}
	}
	return nil
}

func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// save stores a config as Team.SavePipeline does: every save is a new config
// version, a new pipeline is paused and does not care for the version.
func (s *engine) save(team string, ref atc.PipelineRef, cfg atc.Config, extra config.Novelties, from int) (p *pipeline, created bool, err error) {
	p = s.pipeline(team, ref)
	if p != nil && p.version != from {
		return nil, false, errStale
	}
	kind := KindUpdate
	if p == nil {
		created, kind = true, KindCreate
		p = &pipeline{id: len(s.pipelines) + 1, team: team, ref: ref, pause: pause{paused: true}}
		s.pipelines = append(s.pipelines, p)
	}
	s.version++
	p.version, p.config, p.extra, p.updated, p.archived = s.version, cfg, extra, s.options.Now(), false
	for _, c := range cfg.Jobs {
		if p.job(c.Name) == nil {
			s.jobs++
			p.jobs = append(p.jobs, &job{id: s.jobs, name: c.Name})
		}
	}
	s.record(Event{Kind: kind, Team: team, Pipeline: ref.String(), ConfigVersion: p.version})
	s.schedule()
	return p, created, nil
}

// stored is the config as the database gives it back: resources and types sorted
// by name, jobs in the order in which they were first set.
func (p *pipeline) stored() atc.Config {
	c := p.config
	c.Resources = slices.Clone(c.Resources)
	slices.SortFunc(c.Resources, func(a, b atc.ResourceConfig) int { return strings.Compare(a.Name, b.Name) })
	c.ResourceTypes = slices.Clone(c.ResourceTypes)
	slices.SortFunc(c.ResourceTypes, func(a, b atc.ResourceType) int { return strings.Compare(a.Name, b.Name) })
	c.Prototypes = slices.Clone(c.Prototypes)
	slices.SortFunc(c.Prototypes, func(a, b atc.Prototype) int { return strings.Compare(a.Name, b.Name) })
	c.Jobs = slices.Clone(c.Jobs)
	slices.SortFunc(c.Jobs, func(a, b atc.JobConfig) int {
		return p.job(a.Name).id - p.job(b.Name).id
	})
	return c
}

// shown is the pipeline as the API shows it.
func (p *pipeline) shown() atc.Pipeline {
	return atc.Pipeline{
		ID: p.id, Name: p.ref.Name, InstanceVars: p.ref.InstanceVars, TeamName: p.team, Archived: p.archived,
		Paused: p.paused, PausedBy: p.by, PausedAt: p.unix(),
		Groups: p.config.Groups, Display: p.config.Display, LastUpdated: p.updated.Unix(),
	}
}

// PipelineConfig is the config of a pipeline as it is set, as YAML; ok is false
// when there is none.
func (s *engine) PipelineConfig(team, name string) (config []byte, ok bool) {
	s.Lock()
	defer s.Unlock()
	p := s.pipeline(team, atc.PipelineRef{Name: name})
	if p == nil || p.archived {
		return nil, false
	}
	tree, err := s.tree(p)
	if err != nil {
		return nil, false
	}
	config, err = yaml.Marshal(tree)
	return config, err == nil
}

// tree is the config of a pipeline as the database gives it back.
func (s *engine) tree(p *pipeline) (map[string]any, error) {
	return config.Tree(p.stored(), p.extra, s.atLeast)
}

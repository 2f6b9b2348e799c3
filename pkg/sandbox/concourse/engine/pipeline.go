package engine

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

// Pipeline is one that was set.
type Pipeline struct {
	id      int
	Team    string
	ref     atc.PipelineRef
	Config  atc.Config
	Extra   config.Novelties
	Version int
	Pause
	Archived bool
	updated  time.Time
	jobs     []*job // in the order in which they were first set: their ids' order
}

// Pause is that of a pipeline or of a job.
type Pause struct {
	Paused bool
	By     string // who paused it
	At     time.Time
}

// unix is when it was paused, as the API says it.
func (p Pause) unix() int64 {
	if p.At.IsZero() {
		return 0
	}
	return p.At.Unix()
}

// job is one that the pipeline has, or had.
type job struct {
	id   int
	name string
	Pause
}

// Job finds a job of a pipeline.
func (p *Pipeline) Job(name string) *job {
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
func (s *Engine) SetPipeline(team, name string, instanceVars map[string]any, text []byte) (configVersion int, err error) {
	s.Lock()
	defer s.Unlock()
	cfg, extra, err := config.Parse(text, s.AtLeast)
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
	if p := s.Pipeline(team, ref); p != nil {
		from = p.Version
	}
	p, _, err := s.Save(team, ref, cfg, extra, from)
	if err != nil {
		return 0, err
	}
	return p.Version, nil
}

// Pause pauses a pipeline as a user does. It fails when there is no such pipeline.
func (s *Engine) Pause(team, name, user string) error {
	s.Lock()
	defer s.Unlock()
	p := s.Pipeline(team, atc.PipelineRef{Name: name})
	if p == nil {
		return fmt.Errorf("pause %s/%s: no such pipeline", team, name)
	}
	s.PausePipeline(p, user)
	return nil
}

// Unpause lets a pipeline's jobs run. It fails when there is no such pipeline.
func (s *Engine) Unpause(team, name string) error {
	s.Lock()
	defer s.Unlock()
	p := s.Pipeline(team, atc.PipelineRef{Name: name})
	if p == nil {
		return fmt.Errorf("unpause %s/%s: no such pipeline", team, name)
	}
	s.UnpausePipeline(p, "")
	return nil
}

// Archive takes a pipeline's config away, as Concourse does when the pipeline
// whose step has set it no longer does. It fails when there is no such pipeline.
func (s *Engine) Archive(team, name string) error {
	s.Lock()
	defer s.Unlock()
	p := s.Pipeline(team, atc.PipelineRef{Name: name})
	if p == nil {
		return fmt.Errorf("archive %s/%s: no such pipeline", team, name)
	}
	s.ArchivePipeline(p)
	return nil
}

// PausePipeline is pipeline.Pause of atc/db: who paused first stays the one who did.
func (s *Engine) PausePipeline(p *Pipeline, user string) {
	if !p.Paused {
		p.Pause = Pause{Paused: true, By: user, At: s.Options.Now()}
	}
	s.Record(Event{Kind: KindPause, User: user, Team: p.Team, Pipeline: p.ref.String(), ConfigVersion: p.Version})
}

// UnpausePipeline lets a pipeline's jobs run.
func (s *Engine) UnpausePipeline(p *Pipeline, user string) {
	p.Pause = Pause{}
	s.Record(Event{Kind: KindUnpause, User: user, Team: p.Team, Pipeline: p.ref.String(), ConfigVersion: p.Version})
	s.Schedule()
}

// ArchivePipeline takes a pipeline's config away.
func (s *Engine) ArchivePipeline(p *Pipeline) {
	p.Archived, p.Version, p.updated = true, 0, s.Options.Now()
	p.Pause = Pause{Paused: true, By: "automatic-pipeline-archiver", At: p.updated}
	s.Record(Event{Kind: KindArchive, Team: p.Team, Pipeline: p.ref.String()})
}

// Pipeline finds a pipeline; instance vars are equal when their JSON is.
func (s *Engine) Pipeline(team string, ref atc.PipelineRef) *Pipeline {
	for _, p := range s.Pipelines {
		if p.Team == team && p.ref.Name == ref.Name && sameJSON(p.ref.InstanceVars, ref.InstanceVars) {
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

// Save stores a config as Team.SavePipeline does: every save is a new config
// version, a new pipeline is paused and does not care for the version.
func (s *Engine) Save(team string, ref atc.PipelineRef, cfg atc.Config, extra config.Novelties, from int) (p *Pipeline, created bool, err error) {
	p = s.Pipeline(team, ref)
	if p != nil && p.Version != from {
		return nil, false, errStale
	}
	kind := KindUpdate
	if p == nil {
		created, kind = true, KindCreate
		p = &Pipeline{id: len(s.Pipelines) + 1, Team: team, ref: ref, Pause: Pause{Paused: true}}
		s.Pipelines = append(s.Pipelines, p)
	}
	s.version++
	p.Version, p.Config, p.Extra, p.updated, p.Archived = s.version, cfg, extra, s.Options.Now(), false
	for _, c := range cfg.Jobs {
		if p.Job(c.Name) == nil {
			s.jobs++
			p.jobs = append(p.jobs, &job{id: s.jobs, name: c.Name})
		}
	}
	s.Record(Event{Kind: kind, Team: team, Pipeline: ref.String(), ConfigVersion: p.Version})
	s.Schedule()
	return p, created, nil
}

// stored is the config as the database gives it back: resources and types sorted
// by name, jobs in the order in which they were first set.
func (p *Pipeline) stored() atc.Config {
	c := p.Config
	c.Resources = slices.Clone(c.Resources)
	slices.SortFunc(c.Resources, func(a, b atc.ResourceConfig) int { return strings.Compare(a.Name, b.Name) })
	c.ResourceTypes = slices.Clone(c.ResourceTypes)
	slices.SortFunc(c.ResourceTypes, func(a, b atc.ResourceType) int { return strings.Compare(a.Name, b.Name) })
	c.Prototypes = slices.Clone(c.Prototypes)
	slices.SortFunc(c.Prototypes, func(a, b atc.Prototype) int { return strings.Compare(a.Name, b.Name) })
	c.Jobs = slices.Clone(c.Jobs)
	slices.SortFunc(c.Jobs, func(a, b atc.JobConfig) int {
		return p.Job(a.Name).id - p.Job(b.Name).id
	})
	return c
}

// Shown is the pipeline as the API shows it.
func (p *Pipeline) Shown() atc.Pipeline {
	return atc.Pipeline{
		ID: p.id, Name: p.ref.Name, InstanceVars: p.ref.InstanceVars, TeamName: p.Team, Archived: p.Archived,
		Paused: p.Paused, PausedBy: p.By, PausedAt: p.unix(),
		Groups: p.Config.Groups, Display: p.Config.Display, LastUpdated: p.updated.Unix(),
	}
}

// PipelineConfig is the config of a pipeline as it is set, as YAML; ok is false
// when there is none.
func (s *Engine) PipelineConfig(team, name string) (config []byte, ok bool) {
	s.Lock()
	defer s.Unlock()
	p := s.Pipeline(team, atc.PipelineRef{Name: name})
	if p == nil || p.Archived {
		return nil, false
	}
	tree, err := s.Tree(p)
	if err != nil {
		return nil, false
	}
	config, err = yaml.Marshal(tree)
	return config, err == nil
}

// Tree is the config of a pipeline as the database gives it back.
func (s *Engine) Tree(p *Pipeline) (map[string]any, error) {
	return config.Tree(p.stored(), p.Extra, s.AtLeast)
}

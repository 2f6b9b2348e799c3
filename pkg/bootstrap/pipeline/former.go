package pipeline

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// former is the pipeline where earlier releases had it.
type former struct {
	exists bool
	runs   bool // it is not paused, or this program has paused it
	paused bool
	text   []byte // of its config
	atc    ATC    // in its team
	ref    concourse.Pipeline
}

// former looks for the pipeline in the team that it had. Only who deploys by hand can
// see it, and takes over from it.
func (p Pipeline) former(ctx context.Context, ref concourse.Pipeline) (former, error) {
	if p.Self {
		return former{}, nil
	}
	list, err := p.ATC.Pipelines(ctx)
	if err != nil {
		return former{}, err
	}
	i := slices.IndexFunc(list, func(s concourse.PipelineState) bool {
		return s.Team == manifest.FormerTeam && s.Name == ref.Name && len(s.InstanceVars) == 0 && !s.Archived
	})
	if i < 0 {
		return former{}, nil
	}
	atc, user, err := p.Former(ctx)
	if err != nil {
		return former{}, err
	}
	old := former{atc: atc, ref: ref, paused: list[i].Paused, runs: !list[i].Paused || list[i].PausedBy == user}
	running, err := old.atc.PipelineConfig(ctx, ref)
	if err != nil || !isOurs(running.YAML) {
		return former{}, err // somebody's own, of the same name
	}
	old.exists, old.text = running.Exists, running.YAML
	return old, nil
}

// isOurs recognises the pipeline that an earlier release has set.
func isOurs(text []byte) bool {
	var config struct {
		Resources []struct{ Name, Type string }
		Jobs      []struct{ Name string }
	}
	if yaml.Unmarshal(text, &config) != nil {
		return false
	}
	found := map[string]bool{}
	for _, r := range config.Resources {
		found[r.Type+" "+r.Name] = true
	}
	for _, j := range config.Jobs {
		found["job "+j.Name] = true
	}
	return found["perpetual components"] && found["job "+pipelines.UpgradeJob] && found["job verify"]
}

// pause keeps it from upgrading, before another one does.
func (f former) pause(ctx context.Context, atc ATC) error {
	if !f.exists || f.paused {
		return nil
	}
	if err := atc.PausePipeline(ctx, manifest.FormerTeam, f.ref); err != nil {
		return err
	}
	crash.Here("former-pipeline-paused")
	return nil
}

// orElse is what people may have added something to: the one that is there, or this.
func (f former) orElse(running concourse.PipelineConfig) concourse.PipelineConfig {
	if running.Exists || !f.exists {
		return running
	}
	return concourse.PipelineConfig{YAML: f.text, Exists: true}
}

// leaveFormer archives the former pipeline, and last deletes its parameters, which every
// pipeline of its team could read. What people keep there stays, and is named.
func (p Pipeline) leaveFormer(ctx context.Context, s standing) error {
	if p.Self {
		return nil
	}
	if s.old.exists {
		if err := s.old.atc.ArchivePipeline(ctx, s.old.ref); err != nil {
			return err
		}
		crash.Here("former-pipeline-archived")
	}
	if len(s.others) > 0 {
		path := strings.Join([]string{s.in.Infrastructure.ParameterPath, manifest.PipelineTeam, s.ref.Name}, "/")
		p.Warn(fmt.Sprintf("pipeline %s has left team %s: variables in its ops files are now looked up below %s; copy what they need from %s", s.ref.Name, manifest.FormerTeam, path, strings.Join(s.others, ", ")))
	}
	if len(s.left) == 0 {
		return nil
	}
	_, err := p.Account.DeleteParameters(ctx, path.Dir(s.left[0]), s.left...)
	return err
}

// formerParameters are those that are still where earlier releases had them: ours, and
// what others have put there.
func (p Pipeline) formerParameters(ctx context.Context, in manifest.Input) (ours, others []string, err error) {
	prefix, names := manifest.FormerParameters(in)
	if prefix == "" {
		return nil, nil, nil
	}
	list, err := p.Account.Parameters(ctx, prefix)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range list {
		if slices.Contains(names, strings.TrimPrefix(name, prefix)) {
			ours = append(ours, name)
		} else {
			others = append(others, name)
		}
	}
	return ours, others, nil
}

package main

import (
	"context"
	"fmt"
	"maps"
	"os"

	"gopkg.in/yaml.v3"
)

// taskPipeline is the pipeline of scenario 5.
const taskPipeline = "upgrade-by-task"

// taskPipelineText upgrades by a task whose image is the Perpetual of the new
// component set, so that the new version's own code sets its pipeline.
const taskPipelineText = `
resource_types:
- {name: perpetual, type: registry-image, source: {repository: ((image)), tag: ((old))}}
resources:
- {name: components, type: perpetual, check_every: 10m, source: ((components))}
jobs:
- name: by-task
  serial: true
  plan:
  - {get: components, trigger: true}
  - {load_var: perpetual, file: components/perpetual/version, format: raw}
  - task: upgrade
    config:
      platform: linux
      image_resource: {type: registry-image, source: {repository: ((image)), tag: ((.:perpetual))}}
      inputs: [{name: components}]
      run: {path: /usr/local/bin/perpetual, args: [out, .]}
    params: {PERPETUAL_REQUEST: ((request))}
`

// playTask plays scenario 5: Perpetual upgrades itself from one version to the
// next, and the pipeline that runs then is the new version's.
func playTask(ctx context.Context, s *stage) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	if _, err := s.fly(ctx, "pause-job", "-j", pipelineName+"/upgrade"); err != nil {
		return err
	}
	if err := s.setTaskPipeline(ctx); err != nil {
		return err
	}
	first, err := s.finishedIn(ctx, taskPipeline, "by-task", "1")
	if err != nil {
		return err
	}
	s.expect(first.Status == "succeeded" && len(s.world.deploys()) == 1, "the task of the old version has nothing to deploy", "it %s: %s", first.Status, tail(first.log(), 300))
	r, err := s.begin(ctx, s.newSet())
	if err != nil {
		return err
	}
	if r.upgrade, err = s.finishedIn(ctx, taskPipeline, "by-task", "2"); err != nil {
		return err
	}
	if err := s.verified(ctx, r, "2"); err != nil {
		return err
	}
	s.expect(r.upgrade.CreatedBy == nil && r.upgrade.Status == "succeeded", "the build of the task was triggered by nobody and succeeded", "it %s: %s", r.upgrade.Status, tail(r.upgrade.log(), 300))
	s.expectPipelineFirst(ctx, r)
	at := s.world.replies.seenAt(r.deploys)
	interval := ""
	if components, ok := at.Resources.Lookup("components"); ok && components.CheckEvery != nil {
		interval = components.CheckEvery.Interval.String()
	}
	s.expect(interval == newInterval, "the pipeline is the new version's", "components are checked every %q, want %s", interval, newInterval)
	s.expectVerified(ctx, r)
	s.expectDrained(r, "landing")
	return nil
}

// setTaskPipeline sets that pipeline.
func (s *stage) setTaskPipeline(ctx context.Context) error {
	components, deployment := s.componentsSource(), s.deploymentSource()
	maps.Copy(components["github"].(map[string]any), map[string]any{"token": "((github_token))"})
	maps.Copy(deployment["director"].(map[string]any), map[string]any{"client_secret": s.secrets.director})
	deployment["concourse"] = map[string]any{"url": s.web.public(), "ca_cert": s.world.ca, "username": s.secrets.user, "password": s.secrets.atc}
	request := map[string]any{"source": deployment, "params": map[string]any{
		"components": "components", "pipeline": map[string]any{"name": pipelineName},
	}}
	vars, err := yaml.Marshal(map[string]any{
		"image": s.world.registry() + "/perpetual", "old": oldPerpetual,
		"components": components, "request": request,
	})
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"task.yml": taskPipelineText, "task-vars.yml": string(vars)} {
		if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if _, err := s.fly(ctx, "set-pipeline", "-n", "-p", taskPipeline, "-c", s.path("task.yml"), "-l", s.path("task-vars.yml")); err != nil {
		return fmt.Errorf("set the pipeline with the task: %w", err)
	}
	_, err = s.fly(ctx, "unpause-pipeline", "-p", taskPipeline)
	return err
}

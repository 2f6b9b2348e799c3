package main

import (
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	simulated "github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// pipelineVars are the values with which the bundled pipeline works on the
// site. What is secret has none: Concourse's credential manager knows it.
func (s *site) pipelineVars() map[string]any {
	vars := map[string]any{
		"perpetual_image": s.world.registry() + "/perpetual", "perpetual_image_tag": s.images.digest(oldPerpetual),
		"director_url": s.world.urls["director"], "director_client": s.secrets.directorClient,
		"atc_url": s.web.public(), "atc_ca_cert": s.world.ca, "atc_username": s.secrets.user,
		"github_url": s.world.urls["github"] + "/api/v3", "github_ca_cert": s.world.ca, "github_token": "((github_token))",
		"bosh_io_url": s.world.urls["boshio"], "bosh_io_ca_cert": s.world.ca,
		"perpetual_keys": []any{publisher.Key}, "perpetual_min_age": "0s",
	}
	if s.options.basicAuth {
		vars["director_client"], vars["director_client_secret"] = "", ""
		vars["director_username"], vars["director_password"] = s.secrets.directorClient, "((director_password))"
	}
	return vars
}

// componentsSource is a source of components with the bundled pipeline's watches.
func (s *site) componentsSource() map[string]any {
	return map[string]any{
		"watch": map[string]any{
			"concourse": map[string]any{"release": simulated.ConcourseRepository},
			"bpm":       map[string]any{"release": simulated.BPMRepository},
			"postgres":  map[string]any{"release": simulated.PostgresRepository},
			"stemcell":  map[string]any{"stemcell": simulated.StemcellName},
			"perpetual": map[string]any{"github": simulated.ProgramRepository, "keys": []any{publisher.Key}},
		},
		"github":  map[string]any{"url": s.world.urls["github"] + "/api/v3", "ca_cert": s.world.ca, "token": s.secrets.github},
		"bosh_io": map[string]any{"url": s.world.urls["boshio"], "ca_cert": s.world.ca},
	}
}

// deploymentSource is a source of the deployment, as one from outside has it
// while there is no Concourse yet.
func (s *site) deploymentSource() map[string]any {
	director := map[string]any{"url": s.world.urls["director"], "ca_cert": s.world.ca}
	if s.options.basicAuth {
		director["username"], director["password"] = s.secrets.directorClient, s.secrets.director
	} else {
		director["client"], director["client_secret"] = s.secrets.directorClient, s.secrets.director
	}
	return map[string]any{"deployment": "concourse", "director": director}
}

// manifestVars are what a first deploy of the bundled manifest needs.
func (s *site) manifestVars() map[string]any {
	m := s.secrets.manifest
	return map[string]any{
		"external_url": s.web.public(), "worker_instances": len(s.workers),
		"postgres_password": m["postgres_password"], "encryption_key": m["encryption_key"],
		"token_signing_key": map[string]any{"private_key": m["private_key"], "public_key": "a public key"},
		"local_users":       []any{s.secrets.user + ":" + m["local_user"]}, "main_team_users": []any{s.secrets.user},
		"tsa_host_key": m["tsa_host_key"], "tsa_host_public_key": "a public key",
		"worker_public_key": "a public key", "worker_private_key": m["worker_private_key"],
	}
}

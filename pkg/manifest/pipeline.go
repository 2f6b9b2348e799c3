package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

const (
	// PipelineTeam is the team of the pipeline, which has no other.
	PipelineTeam = "perpetual"
	// PipelineRole is the role that config.ATCUser has in it: enough to set the pipeline, and not
	// to let others in.
	PipelineRole = "member"
	// FormerTeam is where earlier releases had the pipeline.
	FormerTeam = "main"
)

// PipelineSubject is how identity tokens of Concourse name the pipeline where their
// subject_scope is "pipeline". Concourse escapes slashes and nothing else
// (atc/creds/idtoken, TokenGenerator.generateSubject).
func PipelineSubject(c *config.Config) string {
	escape := func(name string) string { return strings.ReplaceAll(name, "/", "%2F") }
	return escape(PipelineTeam) + "/" + escape(cmp.Or(c.Pipeline.Name, "self-upgrade"))
}

// QuietUpgrades says whether the pipeline may pause other teams' pipelines, for which its
// user is an owner of the team main.
func QuietUpgrades(c *config.Config) bool {
	return c.Pipeline.QuietUpgrades == nil || *c.Pipeline.QuietUpgrades
}

// How the pipeline gets at the account.
const (
	// CredentialsIDToken exchanges an identity token of Concourse for a role's keys.
	CredentialsIDToken = "idtoken"
	// CredentialsSSM has the keys of a user in SSM parameters.
	CredentialsSSM = "ssm"
)

// PipelineCredentials says how the pipeline gets at the account: as the
// configuration says, or as fits the web. Without a role, which there is only once
// AWS can reach Concourse, it is CredentialsSSM whatever is configured.
func PipelineCredentials(in Input) string {
	if in.Infrastructure.PipelineRole == "" {
		return CredentialsSSM
	}
	fits := CredentialsSSM
	if in.Public() {
		fits = CredentialsIDToken
	}
	return cmp.Or(in.Config.Pipeline.Credentials, fits)
}

// pipelineName is the pipeline's name.
func (in Input) pipelineName() string { return cmp.Or(in.Config.Pipeline.Name, "self-upgrade") }

// Pipeline is the self-upgrade pipeline. Secrets stay ((variables)) in it, for
// Concourse's credential manager: render it as partial. It says which input is
// missing or does not go with another.
func Pipeline(in Input) (template.Template, error) {
	if in.Infrastructure.ParameterPath == "" {
		return template.Template{}, errors.New("render the pipeline: the infrastructure has no path of SSM parameters, where Concourse finds the pipeline's credentials")
	}
	ops := []template.File{{Name: "the bundled aws.yml", Text: pipelines.AWS()}}
	if in.unsigned() {
		ops = append(ops, unsignedOps)
	}
	switch how := PipelineCredentials(in); how {
	case CredentialsIDToken:
		ops = append(ops, template.File{Name: "the bundled aws-idtoken.yml", Text: pipelines.AWSIDToken()})
	case CredentialsSSM:
		ops = append(ops, template.File{Name: "the bundled aws-ssm.yml", Text: pipelines.AWSSSM()})
	default:
		return template.Template{}, fmt.Errorf("render the pipeline: pipeline.credentials is %q; want idtoken or ssm", how)
	}
	place, err := in.taskOps()
	if err != nil {
		return template.Template{}, err
	}
	tags, err := in.tagOps()
	if err != nil {
		return template.Template{}, err
	}
	ops = append(append(ops, place), tags...)
	if in.hasService() {
		ops = append(ops, template.File{Name: "the ops of the database service", Text: []byte("- {type: remove, path: /resources/name=components/source/watch/postgres}\n")})
	}
	return template.Template{
		File:     template.File{Name: "the bundled pipeline", Text: pipelines.SelfUpgrade()},
		OpsFiles: append(ops, in.User.PipelineOpsFiles...),
		Vars:     []map[string]any{pipelines.SelfUpgradeDefaults(in.Versions.Concourse, in.Program), in.pipelineVars()},
		Partial:  true,
	}, nil
}

// pipelineVars are the pipeline's values. The key of its reader is the one secret among
// them: whoever has that reads what the pipeline's team reads anyway.
func (in Input) pipelineVars() vars {
	c, director := in.Config, endpoint.Director(in.Infrastructure.DirectorIP, in.Credentials)
	values := vars{
		"installation_name": c.Name, "aws_region": in.Infrastructure.Region, "pipeline_role": in.Infrastructure.PipelineRole,
		"perpetual_image_tag": in.imageTag(),
		"deployment_name":     DeploymentName(c),
		// The pipeline runs in the VPC, where the director has its own address.
		"director_url": director.URL, "director_ca_cert": director.CACert,
		"director_client": "", "director_client_secret": "",
		"director_username": endpoint.DirectorUser,
		"atc_url":           in.URL(), "atc_team": PipelineTeam, "atc_username": config.ATCUser,
		"atc_ca_cert":             endpoint.Web(in.URL(), c, in.Credentials).CACert,
		endpoint.DirectorPassword: own(endpoint.DirectorPassword),
		endpoint.ATCPassword:      own(endpoint.ATCPassword),
		"own_path":                OwnPath(in),
	}
	if !c.Pipeline.GitHubToken.Empty() {
		values[githubToken] = own(githubToken)
	}
	if !in.Reader.Secret.Empty() {
		values["reader_access_key"], values["reader_secret_key"] = in.Reader.ID, in.Reader.Secret.Reveal()
	}
	for name, value := range map[string]string{
		"perpetual_image":      config.ProgramImage(c).Repository,
		"perpetual_repository": c.Versions.PerpetualRepository, "perpetual_min_age": c.Versions.PerpetualMinAge,
		"concourse_constraint": c.Versions.Concourse, "bpm_constraint": c.Versions.BPM,
		"postgres_constraint": c.Versions.Postgres, "stemcell_constraint": c.Versions.Stemcell,
		"github_url": c.GitHub.URL, "github_ca_cert": c.GitHub.CACert, "bosh_io_url": c.BoshIO.URL, "bosh_io_ca_cert": c.BoshIO.CACert,
		"perpetual_constraint": config.ProgramConstraint(c), "stemcell_name": in.Versions.StemcellName,
	} {
		if value != "" {
			values[name] = value
		}
	}
	if keys := c.Versions.PerpetualKeys; len(keys) > 0 {
		values["perpetual_keys"] = keys
	}
	values["perpetual_unsigned"] = in.unsigned()
	return values
}

// imageTag names the image that the resource type runs in: the pinned one, else that of
// the set.
func (in Input) imageTag() string {
	return cmp.Or(config.ProgramImage(in.Config).Digest, in.Versions.PerpetualTag, in.Versions.Perpetual)
}

// unsigned says whether releases of Perpetual are taken that nobody has signed.
func (in Input) unsigned() bool {
	allowed := in.Config.Versions.PerpetualUnsigned
	return allowed != nil && *allowed
}

// unsignedOps have the task run the image of a tag: of an unsigned release no digest is known.
var unsignedOps = template.File{Name: "the ops of unsigned releases", Text: []byte(`
- {type: remove, path: /jobs/name=upgrade/plan/load_var=perpetual_installer_digest}
- {type: remove, path: /jobs/name=upgrade/plan/task=deploy/config/image_resource/version}
`)}

// own is a variable of the pipeline's own.
func own(name string) string { return "((" + ownSource + ":" + name + "))" }

// ownSource is the var_source of the bundled aws.yml.
const ownSource = "own"

// taskOps tell the task where the state is, if it is not where it would look, and by
// which keys it knows the operator's documents and reads its own.
func (in Input) taskOps() (template.File, error) {
	var list []template.Operation
	if in.OperatorPublicKey != "" {
		for name, value := range map[string]string{"PERPETUAL_OPERATOR_PUBLIC_KEY": in.OperatorPublicKey, "PERPETUAL_STATE_KEY": own(StateKey)} {
			list = append(list, template.Replace("/jobs/name=upgrade/plan/task=deploy/config/params/"+name+"?", value))
		}
	}
	if state := in.Config.State; state != nil {
		for _, setting := range []struct{ name, value string }{
			{"PERPETUAL_STATE_BUCKET", state.Bucket}, {"PERPETUAL_STATE_KMS_KEY", state.KMSKey},
		} {
			if setting.value != "" {
				list = append(list, template.Replace("/jobs/name=upgrade/plan/task=deploy/config/params/"+setting.name+"?", setting.value))
			}
		}
	}
	slices.SortFunc(list, func(a, b template.Operation) int { return strings.Compare(a.Path, b.Path) })
	return template.Ops("the section state", list...)
}

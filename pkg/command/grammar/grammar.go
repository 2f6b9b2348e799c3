// Package grammar reads what the verbs of the installer are given: flags, the environment
// that stands for them, and perpetual.yml under both.
package grammar

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// Prefix begins the names of the environment variables that stand for
// flags: PERPETUAL_OUTPUT for --output.
const Prefix = "PERPETUAL_"

// Common is what every verb takes that has to do with an installation.
type Common struct {
	Name        string `arg:"" optional:"" help:"Name of the installation, if the file does not give it (PERPETUAL_NAME)."`
	Config      string `placeholder:"FILE" help:"Configuration file (default perpetual.yml, if there is one)."`
	OperatorKey string `placeholder:"FILE" help:"File of the operator's key, which signs and reads the state (default NAME.operator-key beside perpetual.yml; PERPETUAL_OPERATOR_KEY may hold the key itself)."`
	CacheDir    string `placeholder:"DIR" help:"Keep what is downloaded and compiled there (default ~/.cache/perpetual)."`
	Quiet       bool   `short:"q" help:"Show only warnings, errors and the end."`
	Output      string `enum:"text,json" default:"text" help:"text, or json: the result as one object on stdout, progress as one object a line on stderr."`
	NoColor     bool   `help:"No colours, as with NO_COLOR."`
	// LogLevel is taken out of the arguments before; it stands here for the help.
	LogLevel string `placeholder:"LEVEL" help:"info, or debug: exchanges and decisions on stderr."`
}

// Deploy is what deploy takes.
type Deploy struct {
	Common
	Self       bool   `help:"The order of a self-upgrade, from inside: pipeline first, deploy last and in the background."`
	Upgrade    bool   `help:"Take the newest versions that the configuration allows; without it what was deployed last stays."`
	Components string `placeholder:"DIR" help:"Take the versions of a get of the resource, from its directory."`
	Recreate   bool   `help:"Make every VM again."`
	Attempts   *int   `placeholder:"N" help:"How often the same deploy may fail before it is refused, until one succeeds (default 3). Once the cause is repaired, a higher number tries again what has failed."`

	AcceptStored bool `help:"Do not ask: take what the state says and was not given here, even if it was changed or put back since your last run; sign again after a change of key; use disks and images that do not say whose they are."`

	AllowDowngrade bool `help:"Take versions that are lower than what is deployed. Never a Concourse across a database migration or a worker major."`
	AllowUnsigned  bool `help:"Take an unsigned release of Perpetual in this run. The pipeline still refuses one unless versions.perpetual_unsigned is true. For a fork, set versions.perpetual_keys instead."`
}

// Plan is what plan takes: the same.
type Plan struct{ Deploy }

// Status is what status takes.
type Status struct{ Common }

// Info is what info takes.
type Info struct {
	Common
	JSON    bool   `help:"Print one JSON object, as --output json."`
	Env     bool   `help:"Print what sets up the bosh CLI in a POSIX shell and logs fly in: eval \"$(perpetual info ci --env --secrets)\". There is nothing for the credhub CLI, since no CredHub is installed: the pipeline's credentials are in SSM."`
	Secrets bool   `help:"With the passwords and keys."`
	Show    string `placeholder:"KEY" help:"Print one value and nothing else, as --json names it: url, addresses.web, versions.concourse. A secret too, since it was asked for by name: admin_password, web_tls.private_key, concourse.ca_cert."`
}

// Destroy is what destroy takes.
type Destroy struct {
	Common
	YesDestroy string `placeholder:"NAME" help:"Do not ask; NAME must be that of the installation."`

	AcceptStored bool `help:"Do not ask: take a state that is of an older release or was put back, and disks and images in it that do not say whose they are."`
}

// Unlock is what unlock takes of an installation.
type Unlock struct {
	Common
	ID string `name:"id" placeholder:"ID" help:"Id of the lease, from the error of the run that it has refused."`
}

// Resume is what resume takes of an installation.
type Resume struct {
	Common
	Force bool `help:"Do not ask whether an upgrade is under way; builds that start while web and workers are replaced may be lost."`
}

// Config are the verbs of config.
type Config struct {
	Init     Init     `cmd:"" help:"Print a commented perpetual.yml to begin with."`
	Validate Validate `cmd:"" help:"Say what is wrong with a configuration; nobody is asked."`
	Schema   struct{} `cmd:"" help:"Print the JSON schema of perpetual.yml, for editors."`
}

// Init is what config init takes.
type Init struct {
	Name        string `arg:"" optional:"" help:"Name of the installation."`
	Region      string `help:"AWS region, eu-central-1."`
	Domain      string `help:"Domain name of Concourse, ci.example.com."`
	DirectorURL string `name:"director-url" help:"A director that exists, instead of AWS: https://10.0.0.6:25555."`

	DirectorClient string `name:"director-client" help:"UAA client, or user, that may deploy on that director."`
	DirectorCACert string `name:"director-ca-cert" placeholder:"FILE" help:"Certificate of the authority that signed that director's certificate; a file, or PEM text."`
}

// Validate is what config validate takes.
type Validate struct{ Common }

// Settings are the settings on the command line, by key.
type Settings map[string]string

// Parse reads a verb's arguments into its grammar. With help the help has been
// printed and there is nothing to do. showSettings lists the settings in it, which
// every verb of an installation takes.
func Parse(c *command.Call, verb, about string, grammar any, settings, showSettings bool) (chosen string, set Settings, help bool, err error) {
	flags, list := settingFlags(showSettings)
	options := []kong.Option{
		kong.Name("perpetual " + verb), kong.Description(about), kong.Writers(c.Out, c.Err),
		kong.Exit(func(int) { help = true }), kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 100}),
		kong.Resolvers(variables(c)), kong.ExplicitGroups([]kong.Group{{Key: settingsGroup, Title: settingsTitle}}),
	}
	if settings {
		options = append(options, kong.Embed(flags))
	}
	parser, err := kong.New(grammar, options...)
	if err != nil {
		return "", nil, false, fmt.Errorf("%s: %w", verb, err)
	}
	parsed, err := parser.Parse(c.Args)
	switch {
	case help:
		return "", nil, true, nil
	case err != nil:
		var problem *kong.ParseError
		if errors.As(err, &problem) {
			err = errors.New(problem.Error())
		}
		return "", nil, false, fmt.Errorf("%s: %w; see perpetual help %s", verb, err, verb)
	}
	return parsed.Command(), collect(flags, list), false, nil
}

// variables resolves flags from the environment, where they are not given. The
// settings have their own way, because a secret has no flag.
func variables(c *command.Call) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if name := variableOf(flag); name != "" && c.Env(name) != "" {
			return c.Env(name), nil
		}
		return nil, nil
	})
}

const (
	settingsGroup = "settings"
	settingsTitle = "Settings: keys of perpetual.yml, each also an environment variable (PERPETUAL_WORKERS_COUNT for --workers-count):"
)

// settingFlags makes a struct with a flag for each setting, for kong. Those of
// secrets have none: arguments of a process are seen by everybody on the machine.
func settingFlags(show bool) (flags any, list []config.Setting) {
	var fields []reflect.StructField
	for _, s := range config.Settings() {
		if s.Flag == "" || s.Flag == "name" {
			continue
		}
		tag := fmt.Sprintf(`name:%q help:%q placeholder:"VALUE" group:%q`, s.Flag, plainHelp(s.Help), settingsGroup)
		if !show {
			tag += ` hidden:""`
		}
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("Setting%d", len(list)), Type: reflect.TypeFor[*string](), Tag: reflect.StructTag(tag),
		})
		list = append(list, s)
	}
	return reflect.New(reflect.StructOf(fields)).Interface(), list
}

// plainHelp keeps kong from taking ${…} in a help for a variable.
func plainHelp(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// collect reads what was given of the flags.
func collect(flags any, list []config.Setting) Settings {
	set := Settings{}
	value := reflect.ValueOf(flags).Elem()
	for i, s := range list {
		if text, ok := value.Field(i).Interface().(*string); ok && text != nil {
			set[s.Key] = *text
		}
	}
	return set
}

package step

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

const pipelineHelp = `perpetual pipeline prints the bundled self-upgrade pipeline for fly set-pipeline.

Usage:
  perpetual pipeline [flags]

Flags, each as often as needed; the last one wins:
  -v, --var NAME=VALUE          a value, taken as text
  -y, --yaml-var NAME=YAML      a value, taken as YAML
  -l, --load-vars-from FILE     a YAML file of values

What has no value stays a ((variable)). Without concourse_constraint the pipeline
takes versions of the major that is deployed: the Concourse at atc_url is asked
for its version, without a login.
`

// runPipeline prints the bundled pipeline, rendered with the given values. What
// has none stays a ((variable)) for fly's -v and -l or a credential manager.
func runPipeline(ctx context.Context, c *command.Call) error {
	vars, named, err := pipelineVars(c.Args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = fmt.Fprint(c.Out, pipelineHelp)
		return err
	}
	if err != nil {
		return err
	}
	if err := unknownVars(named, vars); err != nil {
		return err
	}
	given := map[string]any{}
	for _, layer := range vars {
		maps.Copy(given, layer)
	}
	defaults := pipelines.SelfUpgradeDefaults(deployedConcourse(ctx, c, given), command.Version)
	if proxy, _ := given["director_proxy"].(string); strings.HasPrefix(proxy, "ssh+socks5://") {
		// It does not work without them: they stay variables where they are not given.
		for variable, query := range map[string]string{"director_proxy_private_key": "private-key=", "director_proxy_host_key": "host-key="} {
			if !strings.Contains(proxy, query) {
				delete(defaults, variable)
			}
		}
	}
	text, err := template.RenderPipeline(template.Pipeline{
		File:     template.File{Name: "the bundled pipeline", Text: pipelines.SelfUpgrade()},
		Defaults: append([]map[string]any{defaults, {"perpetual_image_tag": command.Version}}, vars...),
	})
	if err != nil {
		return err
	}
	_, err = c.Exact().Write(text)
	return err
}

// asking bounds the question for the version: the pipeline is printed all the same.
const asking = 15 * time.Second

// deployedConcourse is the version whose major the pipeline stays with: that of the
// Concourse at atc_url, else the newest that is known here, which is said. Who has
// given concourse_constraint needs none.
func deployedConcourse(ctx context.Context, c *command.Call, given map[string]any) string {
	if _, said := given["concourse_constraint"]; said {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	version, err := askVersion(ctx, c, given)
	if err == nil {
		return version
	}
	version = compatibility.Newest().Version
	c.Notify(fmt.Sprintf("concourse_constraint is %s, the newest major known here: %v; give -v concourse_constraint=… if another one is deployed", pipelines.Constraint(version), err))
	return version
}

// askVersion asks the Concourse at atc_url for its version.
func askVersion(ctx context.Context, c *command.Call, given map[string]any) (string, error) {
	url, _ := given["atc_url"].(string)
	if url == "" || strings.Contains(url, "((") {
		return "", errors.New("atc_url is not given, where Concourse could be asked for its version")
	}
	authority, _ := given["atc_ca_cert"].(string)
	if strings.Contains(authority, "((") {
		return "", errors.New("atc_ca_cert is a variable, so Concourse cannot be asked for its version")
	}
	client, err := c.Connector().Anonymous(url, authority)
	if err != nil {
		return "", fmt.Errorf("ask Concourse for its version: %w", err)
	}
	info, err := client.Info(ctx)
	if err == nil && pipelines.Constraint(info.Version) == "" {
		err = fmt.Errorf("it calls itself %q", info.Version)
	}
	if err != nil {
		return "", fmt.Errorf("ask Concourse for its version: %w", err)
	}
	return info.Version, nil
}

// pipelineVars reads -v NAME=VALUE, -y NAME=YAML and -l FILE, as fly has them;
// the last one wins. named are those of -v and -y. Its error is flag.ErrHelp for a wish
// for help.
func pipelineVars(args []string) (layers []map[string]any, named []string, err error) {
	flags := flag.NewFlagSet("pipeline", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	value := func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return errors.New("want NAME=VALUE")
		}
		layers, named = append(layers, map[string]any{name: value}), append(named, name)
		return nil
	}
	yamlValue := func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		parsed, err := template.PipelineValue([]byte(value))
		if !ok || name == "" || err != nil {
			return errors.New("want NAME=YAML")
		}
		layers, named = append(layers, map[string]any{name: parsed}), append(named, name)
		return nil
	}
	file := func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		layer, err := template.PipelineVars(template.File{Name: path, Text: text})
		if err != nil {
			return err
		}
		layers = append(layers, layer)
		return nil
	}
	flags.Func("v", "a value", value)
	flags.Func("var", "a value", value)
	flags.Func("y", "a value in YAML", yamlValue)
	flags.Func("yaml-var", "a value in YAML", yamlValue)
	flags.Func("l", "a file of values", file)
	flags.Func("load-vars-from", "a file of values", file)
	if err := flags.Parse(args); err != nil {
		return nil, nil, fmt.Errorf("pipeline: %w", err)
	}
	if flags.NArg() > 0 {
		return nil, nil, fmt.Errorf("pipeline: unexpected argument %q", flags.Arg(0))
	}
	return layers, named, nil
}

// placeholder finds the names of variables, without what is below them.
var placeholder = regexp.MustCompile(`\(\(!?"?([-/\w]+)`)

// unknownVars refuses values by -v and -y for variables that neither the pipeline nor
// another value has: they would have no effect. Files may have more, since one file
// serves several pipelines.
func unknownVars(named []string, layers []map[string]any) error {
	known := []string{"concourse_constraint", "perpetual_image_tag"}
	for _, found := range placeholder.FindAllStringSubmatch(string(pipelines.SelfUpgrade())+fmt.Sprint(layers), -1) {
		known = append(known, found[1])
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for _, name := range named {
		root, _, _ := strings.Cut(strings.Trim(name, `"`), ".")
		if !slices.Contains(known, root) {
			return fmt.Errorf("pipeline: -v %s: the pipeline has no such variable; %s", name, command.DidYouMean(root, known, "it has "+strings.Join(known, ", ")))
		}
	}
	return nil
}

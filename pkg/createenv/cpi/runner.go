package cpi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	boshsys "github.com/cloudfoundry/bosh-utils/system"

	"github.com/perpetual-ci/perpetual/pkg/createenv/cause"
)

// ErrProgram says that ruby, tar or bash is not there.
var ErrProgram = errors.New("find programs of create-env")

// programs are what create-env runs on this machine, beside the CPI.
var programs = []string{"ruby", "tar", "bash"}

// Runner runs programs for bosh-cli: the CPI through the journal, the others as
// they are, and none once the run is to stop. It implements bosh-utils' CmdRunner.
type Runner struct {
	boshsys.CmdRunner
	ctx  context.Context
	path string // PATH
	jobs string // the CPI's rendered jobs
	cpi  *Client
}

// NewRunner makes the runner of a run: path is PATH for programs, and a program in the
// directory jobs is the CPI.
func NewRunner(ctx context.Context, path, jobs string, c *Client, logger boshlog.Logger) *Runner {
	return &Runner{CmdRunner: boshsys.NewExecCmdRunner(logger), ctx: ctx, path: path, jobs: jobs, cpi: c}
}

// RunComplexCommand runs the CPI or a program.
func (r *Runner) RunComplexCommand(command boshsys.Command) (stdout, stderr string, status int, err error) {
	if err := cause.Stopped(r.ctx); err != nil {
		return "", "", -1, err
	}
	if strings.HasPrefix(command.Name, r.jobs+string(os.PathSeparator)) {
		return r.cpi.run(command)
	}
	if command.Name, err = look(r.path, command.Name); err != nil {
		return "", "", -1, err
	}
	env := map[string]string{"PATH": r.path}
	for k, v := range command.Env {
		if k != "PATH" {
			env[k] = v
		}
	}
	command.Env = env
	return r.CmdRunner.RunComplexCommand(command)
}

// RunCommand runs a program with arguments.
func (r *Runner) RunCommand(name string, args ...string) (string, string, int, error) {
	return r.RunComplexCommand(boshsys.Command{Name: name, Args: args})
}

// RunCommandQuietly runs a program with arguments.
func (r *Runner) RunCommandQuietly(name string, args ...string) (string, string, int, error) {
	return r.RunComplexCommand(boshsys.Command{Name: name, Args: args, Quiet: true})
}

// RunCommandWithInput runs a program that reads input.
func (r *Runner) RunCommandWithInput(input, name string, args ...string) (string, string, int, error) {
	return r.RunComplexCommand(boshsys.Command{Name: name, Args: args, Stdin: strings.NewReader(input)})
}

// CommandExists says whether a program is there.
func (r *Runner) CommandExists(name string) bool {
	_, err := look(r.path, name)
	return err == nil
}

// look finds a program in the directories of path. It fails with ErrProgram.
func look(path, name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%w: %s is not in PATH: install it (Debian: apt-get install %s), or use the installer's image, which has it", ErrProgram, name, name)
}

// FindPrograms fails with ErrProgram and one line if something is missing.
func FindPrograms(path string) error {
	var missing []string
	for _, name := range programs {
		if _, err := look(path, name); errors.Is(err, ErrProgram) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, ", ")
	return fmt.Errorf("%w: %s not in PATH: install it (Debian: apt-get install %s), or use the installer's image, which has it; nothing was done",
		ErrProgram, list, strings.Join(missing, " "))
}

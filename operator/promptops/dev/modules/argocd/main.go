// Command argocd is of Argo CD what syncs: its application controller, its repository server, and a cache between them.
//
// Each is Argo CD's own command; the cache is a Redis in memory, which is all that they ask of one.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alicebob/miniredis/v2"
	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	repository "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

func main() {
	command := &cobra.Command{Use: "argocd", SilenceUsage: true}
	command.AddCommand(controller.NewCommand(), repository.NewCommand(), cache())
	if err := command.Execute(); err != nil {
		os.Exit(1)
	}
}

func cache() *cobra.Command {
	return &cobra.Command{
		Use:  "cache ADDRESS",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			server := miniredis.NewMiniRedis()
			if err := server.StartAddr(arguments[0]); err != nil {
				return fmt.Errorf("cache: %w", err)
			}
			ended := make(chan os.Signal, 1)
			signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
			<-ended
			server.Close()
			return nil
		},
	}
}

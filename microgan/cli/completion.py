"""Scripts with which bash and zsh complete the commands and flags of `microgan`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from microgan.cli.program_list import PROGRAMS

_OWN_FLAGS = ("--completion=bash", "--completion=zsh", "--diagnose", "--help", "--version")
_HELP_FLAGS = ("--help", "--helpfull", "--version")

_BASH = """\
# Completion of microgan for bash: eval "$(microgan --completion=bash)"
_microgan() {
    local words="" flag current="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="COMMANDS"
    elif [ "$current" = = ] || [ "${COMP_WORDS[COMP_CWORD-1]}" = = ]; then
        # bash splits --flag=value into three words
        if [ "$current" = = ]; then
            flag="${COMP_WORDS[COMP_CWORD-1]}" current=""
        else
            flag="${COMP_WORDS[COMP_CWORD-2]}"
        fi
        case "${COMP_WORDS[1]}$flag" in
CHOICES
        esac
    else
        case "${COMP_WORDS[1]}" in
FLAGS
        esac
        type compopt >/dev/null 2>&1 && compopt -o nospace
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _microgan microgan
"""

_ZSH = """\
# Completion of microgan for zsh, after compinit: eval "$(microgan --completion=zsh)"
_microgan() {
    if (( CURRENT == 2 )); then
        compadd -- COMMANDS
        return
    fi
    local command=$words[2] choices=""
    if [[ $PREFIX == --*=* ]]; then
        case $command${PREFIX%%=*} in
CHOICES
        esac
        compset -P '*='
        if [[ -n $choices ]]; then compadd -- ${=choices}; else _files; fi
        return
    fi
    case $command in
FLAGS
    esac
}
compdef _microgan microgan
"""


def completion_script(shell: str) -> str:
    """Return the script that a shell evaluates to complete commands, flags and choices.

    Args:
        shell: "bash" or "zsh".
    """
    template, word_list, flag_list = {
        "bash": (_BASH, 'words="{}"', 'words="{}"'),
        "zsh": (_ZSH, 'choices="{}"', "compadd -S '' -- {}")}[shell]
    choices, flags = [], []
    for program in PROGRAMS:
        named = [f"--{item.name}=" for item in dataclasses.fields(program.config_type)]
        flags.append(_case(program.command, flag_list, [*named, *_HELP_FLAGS]))
        choices += [_case(f"{program.command}--{item.name}", word_list, item.metadata["choices"])
                    for item in dataclasses.fields(program.config_type)
                    if item.metadata["choices"]]
    commands = [*(program.command for program in PROGRAMS), *_OWN_FLAGS]
    return (template.replace("COMMANDS", " ".join(commands))
            .replace("CHOICES", "\n".join(choices)).replace("FLAGS", "\n".join(flags)))


def _case(pattern: str, form: str, words: Iterable[str]) -> str:
    return f"        {pattern}) {form.format(' '.join(words))} ;;"

"""Shell completion: the scripts, and the words that they offer.

A script runs ``argogrant __complete`` with the words before the cursor, the last of
which is incomplete, and gets one candidate per line: the whole word, and after a tab
its description. The last line is ``:0`` if the shell completes the name of a file, else
``:4``, as in cobra, which kubectl uses.

bash passes the text before the cursor instead (``__complete_line``): it splits words at
colons and equals signs, so ``role:admin`` is three words. It replaces only what follows
the last of these characters, so the script removes the beginning of each candidate.

Sources: bash, "Bash Variables" (``COMP_WORDBREAKS``); cobra, ``completions.go`` and
``bash_completionsV2.go`` (``handle_special_char``).
"""

import re
import sys
from collections.abc import Sequence
from typing import Final

import click
from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from argogrant.cli.formats import Shell

WORDS: Final = "__complete"
LINE: Final = "__complete_line"
FILES: Final = ":0"
NO_FILES: Final = ":4"
"""Source: cobra, ``ShellCompDirectiveDefault`` and ``ShellCompDirectiveNoFileComp``."""
BASH: Final = r"""
_argogrant_completion() {
    local IFS=' ' line word prefix='' part mark
    if [[ -n ${COMP_LINE-} ]]; then
        line=${COMP_LINE:0:COMP_POINT}
    else
        line="${COMP_WORDS[*]:0:COMP_CWORD+1}"
    fi
    COMPREPLY=()
    while IFS= read -r part; do
        case $part in
            :0) compopt -o default 2> /dev/null ;;
            :*) ;;
            *) COMPREPLY+=("${part%%$'\t'*}") ;;
        esac
    done < <("$1" __complete_line "$line" 2> /dev/null)
    word=${line##*[[:space:]]}
    if [[ $word != [\'\"]* ]]; then
        for mark in : =; do
            part=${word%"${word##*$mark}"}
            if [[ $COMP_WORDBREAKS == *$mark* && ${#part} -gt ${#prefix} ]]; then
                prefix=$part
            fi
        done
    fi
    COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2> /dev/null
    fi
}
complete -o nosort -F _argogrant_completion argogrant 2> /dev/null ||
    complete -F _argogrant_completion argogrant
"""
ZSH: Final = r"""
#compdef argogrant
_argogrant_completion() {
    local line
    local -a values lines
    for line in "${(@f)$("${words[1]}" __complete "${(@Q)words[2,CURRENT-1]}" \
        "${(Q)PREFIX}" 2> /dev/null)}"; do
        case $line in
            :0)
                if [[ $PREFIX == -*=* ]]; then
                    compset -P 1 '*='
                fi
                _files
                ;;
            :*|'') ;;
            *)
                values+=("${line%%$'\t'*}")
                lines+=("${line/$'\t'/  -- }")
                ;;
        esac
    done
    if [[ ${lines[1]} == *'  -- '* ]]; then
        compadd -V argogrant -l -d lines -a values
    else
        compadd -V argogrant -a values
    fi
}
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _argogrant_completion "$@"
else
    compdef _argogrant_completion argogrant
fi
"""
FISH: Final = r"""
function _argogrant_completion
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    # A word with an open quote cannot be unescaped until it is closed.
    set -l whole (string unescape -- $current $current\' $current\")
    set -l program $words[1]
    set -e words[1]
    set -g _argogrant_candidates ($program __complete $words "$whole[1]" 2> /dev/null)
    set -l last $_argogrant_candidates[-1]
    set -e _argogrant_candidates[-1]
    test "$last" != ':0'
end
complete --command argogrant --condition _argogrant_completion \
    --no-files --keep-order --arguments '$_argogrant_candidates'
"""
SCRIPTS: Final = {Shell.BASH: BASH, Shell.ZSH: ZSH, Shell.FISH: FISH}
_OPTION: Final = re.compile(r"-[^=]*=")


def completion(*, shell: Shell) -> None:
    """Print the completion script for a shell."""
    click.echo(SCRIPTS[shell].strip())


def complete(app: click.Command, request: str, words: Sequence[str]) -> None:
    """Print the candidates for the last word, and whether files complete it.

    Args:
        app: The commands.
        request: ``WORDS``, or ``LINE`` if the only word is a line.
        words: Words before the cursor; the last one is incomplete.
    """
    if request == LINE:
        words = _words_of("".join(words))
    *complete_words, incomplete = words or [""]
    option = _OPTION.match(incomplete)
    prefix = option[0] if option else ""
    items = candidates(app, complete_words, incomplete)
    lines = [f"{prefix}{line}" for line in map(_line, items) if line]
    is_file = any(item.type == "file" for item in items)
    lines.append(FILES if is_file else NO_FILES)
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def complete_plugin(app: click.Command, words: Sequence[str]) -> None:
    """Print candidates as kubectl expects them from a plugin.

    kubectl adds ``--option=`` itself.
    """
    *complete_words, incomplete = words or [""]
    items = candidates(app, complete_words, incomplete)
    names = [item.value for item in items if item.type == "plain"]
    is_file = any(item.type == "file" for item in items)
    lines = (*names, FILES if is_file else NO_FILES)
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def candidates(
    app: click.Command, words: Sequence[str], incomplete: str
) -> list[CompletionItem[str]]:
    """Return the candidates for a word, without ``--option=``."""
    return ShellComplete(app, {}, "argogrant", "").get_completions(
        list(words), incomplete
    )


def _words_of(line: str) -> list[str]:
    """Split the text before the cursor into words, without the command.

    The mark at the end shows whether the text ends in a word.
    """
    words = split_arg_string(f"{line}|")[1:] or ["|"]
    return [*words[:-1], words[-1][:-1]]


def _line(item: CompletionItem[str]) -> str:
    if item.type != "plain":
        return ""
    return f"{item.value}\t{item.help}" if item.help else item.value

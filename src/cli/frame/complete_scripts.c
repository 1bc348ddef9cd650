/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/frame/complete.h"

#include <stddef.h>
#include <string.h>

#include "base/attr.h"
#include "base/banned.h"

/*
 * bash splits words at ':' and '=', too (COMP_WORDBREAKS): the line is given to the program up to the
 * cursor, and what bash has before its own last word is cut off the answers.
 */
static const char bash[] =
    "# bash completion for pg-limiter\n"
    "_pg_limiter() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} words last cut word IFS\n"
    "    read -ra words <<< \"$line\"\n"
    "    case $line in *[[:space:]]) words+=('') ;; esac\n"
    "    last=${words[${#words[@]} - 1]}\n"
    "    cut=${last%\"${COMP_WORDS[COMP_CWORD]}\"}\n"
    "    case ${COMP_WORDS[COMP_CWORD]} in =|:) cut=$last ;; esac\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r word _; do\n"
    "        if [ \"$word\" = ':files' ]; then\n"
    "            compopt -o default 2>/dev/null\n"
    "        else\n"
    "            COMPREPLY+=(\"${word#\"$cut\"}\")\n"
    "        fi\n"
    "    done < <(\"${words[0]}\" " COMPLETE_WORD " \"${words[@]:1}\" 2>/dev/null)\n"
    "    case ${COMPREPLY[0]} in *=) compopt -o nospace 2>/dev/null ;; esac\n"
    "}\n"
    "complete -F _pg_limiter pg-limiter\n";

static const char zsh[] = "#compdef pg-limiter\n"
                          "# zsh completion for pg-limiter\n"
                          "_pg_limiter() {\n"
                          "    local -a found shown\n"
                          "    local line word note\n"
                          "    for line in \"${(@f)$(\"${words[1]}\" " COMPLETE_WORD
                          " \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
                          "        [[ -z $line ]] && continue\n"
                          "        if [[ $line == ':files' ]]; then\n"
                          "            _files\n"
                          "            continue\n"
                          "        fi\n"
                          "        word=${line%%$'\\t'*}\n"
                          "        note=${line#*$'\\t'}\n"
                          "        found+=(\"$word\")\n"
                          "        if [[ $line == *$'\\t'* ]]; then\n"
                          "            shown+=(\"$word  -- $note\")\n"
                          "        else\n"
                          "            shown+=(\"$word\")\n"
                          "        fi\n"
                          "    done\n"
                          "    local -a tail\n"
                          "    [[ $found[1] == *= ]] && tail=(-S '')\n"
                          "    (( $#found )) && compadd -l \"${tail[@]}\" -d shown -a found\n"
                          "}\n"
                          "if [[ $funcstack[1] == _pg-limiter ]]; then\n"
                          "    _pg_limiter \"$@\"\n"
                          "else\n"
                          "    compdef _pg_limiter pg-limiter\n"
                          "fi\n";

static const char fish[] =
    "# fish completion for pg-limiter\n"
    "function __pg_limiter_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l program $words[1]\n"
    "    set -e words[1]\n"
    "    set -l last (commandline -ct)\n"
    "    for line in ($program " COMPLETE_WORD " $words \"$last\" 2>/dev/null)\n"
    "        if test \"$line\" = ':files'\n"
    "            __fish_complete_path \"$last\"\n"
    "        else\n"
    "            printf '%s\\n' $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c pg-limiter -f -a '(__pg_limiter_complete)'\n";

const char *complete_script(const char *shell)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    size_t i;

    for (i = 0; i < ARRAY_LEN(scripts); i++)
        if (strcmp(scripts[i].shell, shell) == 0)
            return scripts[i].script;
    return NULL;
}
